// Flags and what mail programs keep beside the messages.
#include "ctl/transfer/flags.h"

#include <catch2/catch.hpp>

#include "common/store/types.h"
#include "ctl/transfer/maildir_files.h"
#include "ctl/transfer/mbox_source.h"

using namespace quartet;
using namespace quartet::transfer;

TEST_CASE("flags as a line has them", "[transfer]") {
  const std::string text = GENERATE("-", "S", "DFRST", "- $Forwarded work", "FS a,b x");
  CHECK(to_text(flags_from_text(text)) == text);
  Flags flags;
  for (const auto* name : {"\\Seen", "\\FLAGGED", "work", "Work", "$a", "\\Recent", "two words", "\\Unknown", ""})
    flags.add_name(name);
  CHECK(to_text(flags) == "FS $a work");
  CHECK(flags_of(store::flag::kDraft | std::uint64_t{2} << store::kFirstKeywordBit, {"one", "two"}) ==
        Flags{store::flag::kDraft, {"two"}});
}

TEST_CASE("letters of a Maildir as keywords and back", "[transfer]") {
  KeywordLetters letters({"0 $Forwarded", "2 work", "30 far", "x"});
  CHECK(to_text(letters.flags("FSPacz")) == "FS $Forwarded work");
  CHECK(letters.letters(flags_from_text("S WORK new $forwarded")) == "SPacb");
  CHECK(letters.text() == "0 $Forwarded\n1 new\n2 work\n");
  Flags many;
  for (int n = 0; n < 30; ++n) many.add_keyword("k" + std::to_string(n));
  CHECK(letters.letters(many).size() == 23);
  CHECK(letters.left_out() == 7);
}

TEST_CASE("names of folders", "[transfer]") {
  CHECK(mailbox_of(".Work.Entw&APw-rfe") == "Work/Entw\u00FCrfe");
  CHECK(mailbox_of(".A & B") == "A & B");  // not modified UTF-7: as it is
  CHECK(folder_of("Work/Entw\u00FCrfe") == ".Work.Entw&APw-rfe");
  CHECK_FALSE(folder_of("a.b"));
  CHECK_FALSE(folder_of("a//b"));
}

TEST_CASE("subscriptions as Dovecot and others keep them", "[transfer]") {
  const std::vector<std::string> names = {"Work/Entw\u00FCrfe", "Old", "INBOX"};
  CHECK(parse_subscriptions({"V\t2", "", "Work\tEntw&APw-rfe", "Old", "INBOX"}, '.') == names);
  CHECK(parse_subscriptions({"Work.Entw&APw-rfe", "Old", "INBOX"}, '.') == names);
  CHECK(format_subscriptions(names) == "V\t2\n\nWork\tEntw&APw-rfe\nOld\nINBOX\n");
}

TEST_CASE("the order that Dovecot keeps", "[transfer]") {
  const auto uids = parse_uid_list({"3 V17 N4 G40", "1 :17.M1.vm,S=8", "3 W11 S10 :16.M2.vm,S=8:2,S", "bad"});
  CHECK(uids.size() == 2);
  CHECK(uids.at("17.M1.vm") == 1);
  CHECK(uids.at("16.M2.vm") == 3);
}

TEST_CASE("fields that only an mbox has", "[transfer]") {
  const std::string message =
      "X-IMAPbase: 1 2\nSubject: x\nStatus: RO\nX-Status: AFD\nX-Keywords: work  $a   \nX-UID: 3\n\nStatus: R\n";
  const mime::Header header(message);
  CHECK(to_text(mbox_flags(header)) == "FRST $a work");
  std::string storage;
  CHECK(without_mbox_fields(message, header, storage) == "Subject: x\n\nStatus: R\n");
  CHECK(to_text(mbox_flags(mime::Header("Subject: x\n\n"))) == "-");
}
