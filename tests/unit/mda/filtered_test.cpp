// What scripts of users do to messages that come by LMTP: RFC 5228, RFC 5429, RFC 5230, RFC 5233.
#include "common/spool/handling.h"
#include "tests/unit/mda/session_harness.h"

using namespace quartet;
using namespace quartet::mda;
using namespace quartet::mda::test;

namespace {

constexpr const char* kShort = "Subject: x\r\nMessage-ID: <1@b.test>\r\nTo: ann@a.test\r\n\r\ntext\r\n";

/// So many messages fit into the mailbox from now on.
void limit(Mda& mda, const std::string& mailbox, std::uint64_t messages) {
  const auto found = mda.loop.block_on(mda.store->find("ann@a.test", mailbox));
  REQUIRE(mda.loop.block_on(mda.store->set_quota(found->ref, {0, messages})));
}

void make(Mda& mda, const std::string& mailbox) {
  REQUIRE(mda.loop.block_on(mda.store->create("ann@a.test", mailbox, "")));
}

}  // namespace

TEST_CASE("a script refuses in as many words as it likes", "[mda]") {
  Mda mda;
  mda.script("ann@a.test", "require \"ereject\"; ereject \"one\r\n" + std::string(450, 'x') + "end\";");
  const auto heard = mda.say(transaction("ann@a.test", kLetter));
  CHECK(heard.contains("550-5.7.1 one\r\n550-5.7.1 " + std::string(400, 'x') + "\r\n550 5.7.1 " + std::string(50, 'x') +
                       "end\r\n"));
}

TEST_CASE("a full mailbox is the same for a script", "[mda]") {
  Mda mda;
  mda.script("bob@a.test", "require [\"imap4flags\", \"fileinto\"]; setflag \"\\\\Seen\"; fileinto \"None\";");
  const auto letter = [](std::size_t size) { return "Subject: x\r\n\r\n" + std::string(size, 'x') + "\r\n"; };
  CHECK(codes(mda.say(transaction("bob@a.test", letter(1800)))) == "250 250 354 250 221");
  CHECK(mda.say(transaction("bob@a.test", letter(1800))).contains("452 4.2.2 "));
  CHECK(
      mda.say(transaction("bob@a.test", letter(900) + letter(900) + letter(900) + letter(900))).contains("552 5.2.3 "));
  CHECK(mda.inbox("bob@a.test").size() == 1);
}

TEST_CASE("what is refused has not been sent on, however often it comes again", "[mda]") {
  Mda mda;
  make(mda, "Full");
  limit(mda, "Full", 1);
  mda.script("ann@a.test", R"(require ["fileinto", "copy"]; redirect :copy "far@far.test"; fileinto "Full";)");
  CHECK(codes(mda.say(transaction("ann@a.test", kShort))) == "250 250 354 250 221");
  CHECK(mda.queued().size() == 1);
  // Where its place is full, INBOX has it, once.
  CHECK(codes(mda.say(transaction("ann@a.test", kShort))) == "250 250 354 250 221");
  CHECK(mda.queued().size() == 1);
  CHECK(mda.in_mailbox("ann@a.test", "Full").size() == 1);
  CHECK(mda.inbox("ann@a.test").size() == 1);
  limit(mda, "INBOX", 1);
  for (int attempt = 0; attempt < 3; ++attempt)
    CHECK(mda.say(transaction("ann@a.test", kShort)).contains("452 4.2.2 "));
  CHECK(mda.queued().empty());
}

TEST_CASE("what is in one of its places is not refused for another", "[mda]") {
  Mda mda;
  mda.say(transaction("ann@a.test", kShort));
  limit(mda, "INBOX", 1);
  make(mda, "Archive");
  mda.script("ann@a.test", R"(require ["fileinto", "copy"]; fileinto :copy "Archive";)");
  CHECK(codes(mda.say(transaction("ann@a.test", kShort))) == "250 250 354 250 221");
  CHECK(mda.in_mailbox("ann@a.test", "Archive").size() == 1);
}

TEST_CASE("a redirect goes out with what the sender asked to be told (RFC 3461 section 4.1)", "[mda]") {
  struct Case {
    std::string asked;
    std::uint8_t passed;
  };
  const auto [asked, passed] =
      GENERATE(Case{"", spool::kNotifyDefault}, Case{" NOTIFY=NEVER", spool::kNotifyNever},
               Case{" NOTIFY=SUCCESS", spool::kNotifyNever}, Case{" NOTIFY=SUCCESS,FAILURE", spool::kNotifyFailure});
  Mda mda;
  mda.script("ann@a.test", R"(redirect "far@far.test";)");
  mda.say("MAIL FROM:<b@b.test>\r\nRCPT TO:<ann@a.test>" + asked + " ORCPT=rfc822;ann@x.test\r\nDATA\r\n" +
          std::string(kShort) + ".\r\n");
  bool found = false;
  for (const auto& sent : mda.queued()) {
    if (sent.to != "far@far.test") continue;  // our word of the success
    found = true;
    CHECK(sent.notify == passed);
    CHECK(sent.orcpt == "rfc822;ann@x.test");
  }
  CHECK(found);
}

TEST_CASE("a redirect goes out as the sender wants TLS (RFC 8689 section 4.1)", "[mda]") {
  Mda mda;
  mda.script("ann@a.test", R"(redirect "far@far.test";)");
  for (const bool optional : {true, false}) {
    mda.say(transaction("ann@a.test", std::string(optional ? "TLS-Required: No\r\n" : "") + kShort));
    const auto sent = mda.queued();
    REQUIRE(sent.size() == 1);
    CHECK(spool::tls_optional(sent[0].envelope) == optional);
  }
}

TEST_CASE("whatever leads to the user is the user's own", "[mda]") {
  const std::string own = GENERATE("Ann@A.test", "ann+x@a.test", "ann@also.test");
  Mda mda;
  config::v1::Directory source;
  REQUIRE(config::parse_into(std::string(kPeople) + "alias_domain { from: \"also.test\" to: \"a.test\" }\n", "people",
                             source));
  mda.tables.directory = std::make_shared<const directory::Directory>(source);
  mda.script("ann@a.test", "redirect \"" + own + "\";");
  CHECK(codes(mda.say(transaction("ann@a.test", kShort))) == "250 250 354 250 221");
  CHECK(mda.inbox("ann@a.test").size() == 1);
  CHECK(mda.queued().empty());
  mda.script("ann@a.test", "require \"vacation\"; vacation \"away\";");
  mda.say(transaction("ann@a.test", kShort, own));
  CHECK(mda.queued().empty());
  mda.say(transaction("ann@a.test", kShort));
  CHECK(mda.queued().size() == 1);
}

TEST_CASE("a script knows what separates a detail at its site (RFC 5233 section 4)", "[mda]") {
  Mda mda;
  config::v1::Directory source;
  REQUIRE(
      config::parse_into("domain { name: \"a.test\" subaddress_separator: \"-\" }\naccount { login: \"ann@a.test\" }\n"
                         "account { login: \"ann-marie@a.test\" }\n",
                         "people", source));
  mda.tables.directory = std::make_shared<const directory::Directory>(source);
  make(mda, "Tagged");
  mda.script("ann@a.test", R"(require ["envelope", "subaddress", "fileinto"];
if envelope :detail "to" "tag" { fileinto "Tagged"; }
elsif envelope :user "to" "ann-other" { discard; }
elsif envelope :detail "to" "marie" { redirect "ann-marie@a.test"; })");
  mda.say(transaction("ann-tag@a.test", kShort) + transaction("ann-other@a.test", kShort));
  CHECK(mda.in_mailbox("ann@a.test", "Tagged").size() == 1);
  CHECK(mda.inbox("ann@a.test").size() == 1);
}
