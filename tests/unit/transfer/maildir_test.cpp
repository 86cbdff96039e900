// Import from a Maildir, export to one.
#include "common/mime/maildir.h"

#include <set>

#include "tests/unit/transfer/helpers.h"

using namespace quartet;
using namespace quartet::transfer;
using namespace quartet::transfer::test;

namespace {

void fill(const std::filesystem::path& maildir) {
  for (const auto* part : {"cur", "new", "tmp"}) std::filesystem::create_directories(maildir / part);
  write_file(maildir / "cur/1700000002.U2.h,S=15:2,FSa", "Subject: 2\n\nx\n", 1'700'000'012);
  write_file(maildir / "new/1700000001.U1.h", "Subject: 1\n\nx\n", 1'700'000'011);
  write_file(maildir / "tmp/1700000009.U9.h", "Subject: half");
  write_file(maildir / "dovecot-keywords", "0 work\n");
  write_file(maildir / ".Work.Entw&APw-rfe/cur/1700000003.U3.h:2,D", "Subject: 3\r\n\r\nx\r\n", 1'700'000'013);
  write_file(maildir / ".Other/maildirfolder", "");
  write_file(maildir / ".Other/cur/1700000004.U4.h:2,RP", "Subject: 4\n\n", 1'700'000'014);
  write_file(maildir / ".some.program/settings", "");
}

const std::vector<std::string> kInbox = {"1700000011 -|Subject: 1\r\n\r\nx\r\n",
                                         "1700000012 FS work|Subject: 2\r\n\r\nx\r\n"};

}  // namespace

TEST_CASE("a Maildir with its folders is imported", "[transfer]") {
  Site site;
  fill(site.path("mail"));
  REQUIRE(site.run({"import", "maildir", site.path("mail").string()}) == 0);
  CHECK(site.out ==
        "3 mailboxes: 4 messages, 65 octets imported; 0 were there already, flags of 0 of these changed; 0 "
        "lost keywords\n");
  CHECK(site.err.empty());
  CHECK(site.messages("INBOX") == kInbox);
  CHECK(site.messages("Work/Entw\u00FCrfe") == std::vector<std::string>{"1700000013 D|Subject: 3\r\n\r\nx\r\n"});
  CHECK(site.messages("Other") == std::vector<std::string>{"1700000014 R $Forwarded|Subject: 4\r\n\r\n"});
  const auto names = site.mailboxes();
  CHECK(std::ranges::count(names, "Other+") == 1);
  CHECK(std::ranges::count(names, "Work/Entw\u00FCrfe+") == 1);
}

TEST_CASE("what was subscribed to is, and names may be chosen", "[transfer]") {
  Site site;
  fill(site.path("mail"));
  write_file(site.path("mail") / "subscriptions", "V\t2\n\nWork\tEntw&APw-rfe\n");
  REQUIRE(site.run({"import", "maildir", site.path("mail").string(), "--into", "Old", "--exclude", "INBOX"}) == 0);
  const auto names = site.mailboxes();
  CHECK(std::ranges::count(names, "Old/Other") == 1);
  CHECK(std::ranges::count(names, "Old/Work/Entw\u00FCrfe+") == 1);
  CHECK(site.messages("INBOX").empty());
  REQUIRE(site.run({"import", "maildir", site.path("mail").string(), "--into", "Old", "--mailbox", "inbox"}) == 0);
  CHECK(site.messages("Old") == kInbox);
  // One name that is wrong, and nothing is done: the other would come again with the next run.
  for (const auto* way : {"import", "export"}) {
    const auto place = site.path(way == std::string("import") ? "mail" : "copy").string();
    CHECK(site.run({way, "maildir", place, "--mailbox", "INBOX", "--mailbox", "None"}) == 1);
    CHECK(site.err.find("no such mailbox") != std::string::npos);
    CHECK(site.out.empty());
  }
  CHECK(site.messages("INBOX").empty());
}

TEST_CASE("folders as directories within directories", "[transfer]") {
  Site site;
  write_file(site.path("mail") / "INBOX/cur/1700000001.U1.h:2,S", "Subject: 1\n\n", 1'700'000'011);
  write_file(site.path("mail") / "A.b/C/new/1700000002.U2.h", "Subject: 2\n\n", 1'700'000'012);
  REQUIRE(site.run({"import", "maildir", site.path("mail").string(), "--progress"}) == 0);
  CHECK(site.err.ends_with("2 of 2 messages, INBOX\n"));
  CHECK(site.messages("INBOX") == std::vector<std::string>{"1700000011 S|Subject: 1\r\n\r\n"});
  CHECK(site.messages("A.b/C") == std::vector<std::string>{"1700000012 -|Subject: 2\r\n\r\n"});
}

TEST_CASE("an account is named as the directory names it, and one that is new is said to be", "[transfer]") {
  Site site;
  fill(site.path("mail"));
  REQUIRE(site.run({"import", "maildir", site.path("mail").string()}, "Ann@A.test") == 0);
  CHECK(site.err.empty());
  CHECK(site.messages("INBOX") == kInbox);
  CHECK(site.run({"export", "maildir", site.path("copy").string()}, "anne@a.test") == 1);
  CHECK(site.err.find("anne@a.test: is not in this store") != std::string::npos);
  REQUIRE(site.run({"import", "maildir", site.path("mail").string()}, "anne@a.test") == 0);
  CHECK(site.err.find("anne@a.test is new in this store") != std::string::npos);
}

TEST_CASE("the order is the one that Dovecot has", "[transfer]") {
  Site site;
  fill(site.path("mail"));
  write_file(site.path("mail") / "dovecot-uidlist", "3 V1 N3\n1 :1700000002.U2.h,S=15\n2 :1700000001.U1.h\n");
  REQUIRE(site.run({"import", "maildir", site.path("mail").string()}) == 0);
  CHECK(site.messages("INBOX") == std::vector{kInbox[1], kInbox[0]});
}

TEST_CASE("what cannot be read is named, and all else imported", "[transfer]") {
  Site site;
  fill(site.path("mail"));
  REQUIRE(::mkfifo((site.path("mail") / "cur/1700000000.U0.h:2,").c_str(), 0600) == 0);
  CHECK(site.run({"import", "maildir", site.path("mail").string()}) == 1);
  CHECK(site.err.find("INBOX: a message was not imported: not a regular file") != std::string::npos);
  CHECK(site.messages("INBOX") == kInbox);
  CHECK(site.messages("Other").size() == 1);
}

TEST_CASE("a second run brings what is new, and flags", "[transfer]") {
  Site site;
  const auto mail = site.path("mail");
  fill(mail);
  std::vector<std::string> words = {"import", "maildir", mail.string(), "--resume", site.path("state").string()};
  REQUIRE(site.run(words) == 0);
  words[2] += "/";  // as shells complete the name
  REQUIRE(site.run(words) == 0);
  CHECK(site.out.starts_with("3 mailboxes: 0 messages, 0 octets imported; 4 were there already, flags of 0"));
  std::filesystem::rename(mail / "new/1700000001.U1.h", mail / "cur/1700000001.U1.h,S=14:2,RSa");
  std::filesystem::rename(mail / "cur/1700000002.U2.h,S=15:2,FSa", mail / "cur/1700000002.U2.h,S=15:2,F");
  write_file(mail / "new/1700000000.U0.h", "Subject: 0\n\n", 1'700'000'010);
  REQUIRE(site.run(words) == 0);
  CHECK(site.out.starts_with("3 mailboxes: 1 messages, 14 octets imported; 4 were there already, flags of 2 of"));
  CHECK(site.messages("INBOX") == std::vector<std::string>{"1700000011 RS work|Subject: 1\r\n\r\nx\r\n",
                                                           "1700000012 F|Subject: 2\r\n\r\nx\r\n",
                                                           "1700000010 -|Subject: 0\r\n\r\n"});
  // Of the end of the last run nothing is known: whether its message came, the store tells.
  auto state = read_file(site.path("state"));
  REQUIRE(state.find("\ndone ", state.rfind("\nbatch ")) != std::string::npos);
  state.resize(state.find("\ndone ", state.rfind("\nbatch ")) + 1);
  write_file(site.path("state"), state);
  REQUIRE(site.run(words) == 0);
  CHECK(site.messages("INBOX").size() == 3);
}

TEST_CASE("a Maildir that is written is read again as the same", "[transfer]") {
  Site site;
  fill(site.path("mail"));
  REQUIRE(site.run({"import", "maildir", site.path("mail").string()}) == 0);
  const auto copy = site.path("copy");
  REQUIRE(site.run({"export", "maildir", copy.string()}) == 0);
  CHECK(site.out == "9 mailboxes: 4 messages, 65 octets exported; 0 were there already\n");
  CHECK(read_file(copy / "dovecot-keywords") == "0 work\n");
  CHECK(read_file(copy / "subscriptions").find("\nWork\tEntw&APw-rfe\n") != std::string::npos);
  CHECK(std::filesystem::is_empty(copy / "tmp"));
  CHECK(std::filesystem::exists(copy / ".Work.Entw&APw-rfe/maildirfolder"));
  const std::string other = "bob@b.test";
  REQUIRE(site.run({"import", "maildir", copy.string()}, other) == 0);
  for (const auto* mailbox : {"INBOX", "Other", "Work/Entw\u00FCrfe"})
    CHECK(site.messages(mailbox, other) == site.messages(mailbox));
  CHECK(site.mailboxes(other) == site.mailboxes());
  CHECK(site.run({"export", "maildir", copy.string()}) == 1);
  CHECK(site.err.find("is not empty") != std::string::npos);
}

TEST_CASE("an export is brought up to date", "[transfer]") {
  Site site;
  const auto mail = site.path("mail");
  fill(mail);
  const std::vector<std::string> in = {"import", "maildir", mail.string(), "--resume", site.path("state").string()};
  const std::vector<std::string> out = {"export", "maildir", site.path("copy").string(), "--resume",
                                        site.path("out").string()};
  REQUIRE(site.run(in) == 0);
  REQUIRE(site.run(out) == 0);
  std::filesystem::rename(mail / "new/1700000001.U1.h", mail / "cur/1700000001.U1.h:2,S");
  write_file(mail / "new/1700000005.U5.h", "Subject: 5\n\n", 1'700'000'015);
  REQUIRE(site.run(in) == 0);
  REQUIRE(site.run(out) == 0);
  CHECK(site.out.find(": 1 messages, 14 octets exported; 4 were there already") != std::string::npos);
  std::multiset<std::string> letters;
  for (const auto& file : std::filesystem::directory_iterator(site.path("copy") / "cur"))
    letters.emplace(mime::parse_maildir_name(file.path().filename().string()).letters);
  CHECK(letters == std::multiset<std::string>{"", "FSa", "S"});
  CHECK(site.run({"export", "maildir", site.path("copy").string(), "--resume", site.path("out").string()},
                 "bob@b.test") == 1);
}

TEST_CASE("an export goes on under another name of the host, and not with another mailbox", "[transfer]") {
  Site site;
  fill(site.path("mail"));
  const auto cur = site.path("copy") / "cur";
  const std::vector<std::string> out = {"export", "maildir",  site.path("copy").string(), "--mailbox",
                                        "INBOX",  "--resume", site.path("out").string()};
  const auto rename = [&cur](const std::string& from, const std::string& to) {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(cur)) names.push_back(file.path().filename().string());
    for (const auto& name : names) {
      auto other = name;
      other.replace(other.find(from), from.size(), to);
      std::filesystem::rename(cur / name, cur / other);
    }
  };
  REQUIRE(site.run({"import", "maildir", site.path("mail").string()}) == 0);
  REQUIRE(site.run(out) == 0);
  rename(",S=", ".elsewhere,S=");
  REQUIRE(site.run(out) == 0);
  CHECK(site.out == "1 mailboxes: 0 messages, 0 octets exported; 2 were there already\n");
  rename(".V", ".V1U1.");
  CHECK(site.run(out) == 1);
  CHECK(site.err.find("INBOX: is another mailbox than it was") != std::string::npos);
}

TEST_CASE("a mailbox with dots in its name", "[transfer]") {
  Site site;
  write_file(site.path("mail") / "a.b/new/1700000001.U1.h", "Subject: 1\n\n", 1'700'000'011);
  write_file(site.path("mail") / "a_b/new/1700000002.U2.h", "Subject: 2\n\n", 1'700'000'012);
  REQUIRE(site.run({"import", "maildir", site.path("mail").string()}) == 0);
  CHECK(site.run({"export", "maildir", site.path("copy").string()}) == 1);
  CHECK(site.err.find("a.b: is in the folder .a_b") != std::string::npos);
  CHECK(site.err.find("a_b: the folder .a_b is of another mailbox") != std::string::npos);
}

TEST_CASE("a link to a directory that it is in is passed over", "[transfer]") {
  Site site;
  fill(site.path("mail"));
  std::filesystem::create_directory_symlink(".", site.path("mail") / ".Self");
  std::filesystem::create_directory_symlink("..", site.path("mail") / ".Other/up");
  REQUIRE(site.run({"import", "maildir", site.path("mail").string()}) == 0);
  CHECK(site.out.starts_with("3 mailboxes: 4 messages"));
  write_file(site.path("boxes") / "one", "From a@a.test Tue Nov 14 22:13:31 2023\nSubject: 1\n\nx\n");
  std::filesystem::create_directory_symlink(".", site.path("boxes") / "mail");
  REQUIRE(site.run({"import", "mbox", site.path("boxes").string()}) == 0);
  CHECK(site.out.starts_with("1 mailboxes: 1 messages"));
}

TEST_CASE("wrong usage, and what is not there", "[transfer]") {
  Site site;
  CHECK(site.run({"import", "maildir"}) == 2);
  CHECK(site.run({"import", "tar", "x"}) == 2);
  CHECK(site.run({"export", "maildir", "x", "--into", "y"}) == 2);
  CHECK(site.run({"import", "imap", "127.0.0.1:99999", "--user", "x", "--password-file", "y"}) == 2);
  CHECK(site.run({"import", "imap", "127.0.0.1", "--user", "x"}) == 2);
  CHECK(site.run({"import", "imap", "127.0.0.1", "--user", "x", "--password-file", "y", "--tls", "maybe"}) == 2);
  CHECK(site.run({"import", "maildir", site.path("none").string()}) == 1);
  CHECK(site.err.find("not a directory") != std::string::npos);
  std::filesystem::create_directory(site.path("empty"));
  CHECK(site.run({"import", "maildir", site.path("empty").string()}) == 1);
  CHECK(site.err.find("neither cur nor new") != std::string::npos);
  CHECK(site.run({"import", "maildir", site.path("empty").string(), "--store", site.path("empty").string()}) == 1);
  CHECK(site.err.find("is this a store?") != std::string::npos);
  CHECK(site.run({"--help"}) == 0);
  CHECK(site.out.find("import mbox PLACE") != std::string::npos);
}
