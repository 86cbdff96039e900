// Import from mbox files, export to them.
#include "common/mime/mbox.h"

#include "ctl/transfer/local_files.h"
#include "ctl/transfer/mbox_source.h"
#include "tests/unit/transfer/helpers.h"

using namespace quartet;
using namespace quartet::transfer;
using namespace quartet::transfer::test;

namespace {

const std::string kBox =
    "From a@a.test Tue Nov 14 22:13:31 2023\nSubject: 1\nStatus: RO\nX-Status: F\nX-Keywords: work\n\n>From x\n\n"
    "From b@b.test Tue Nov 14 22:13:32 2023\nSubject: 2\nContent-Length: 2\n\ny\n\n"
    "From b@b.test Tue Nov 14 22:13:32 2023\nSubject: 2\nContent-Length: 2\n\ny\n\n";
const std::vector<std::string> kMessages = {"1700000011 FS work|Subject: 1\r\n\r\nFrom x\r\n",
                                            "1700000012 -|Subject: 2\r\n\r\ny\r\n",
                                            "1700000012 -|Subject: 2\r\n\r\ny\r\n"};

}  // namespace

TEST_CASE("an mbox is imported, twice the same message too", "[transfer]") {
  Site site;
  write_file(site.path("box"), kBox);
  REQUIRE(site.run({"import", "mbox", site.path("box").string()}) == 0);
  CHECK(site.messages("INBOX") == kMessages);
  REQUIRE(site.run({"import", "mbox", site.path("box").string(), "--into", "Old/Mail"}) == 0);
  CHECK(site.messages("Old/Mail") == kMessages);
}

TEST_CASE("another program has rewritten the mbox", "[transfer]") {
  Site site;
  write_file(site.path("box"), kBox);
  const std::vector<std::string> words = {"import", "mbox", site.path("box").string(), "--resume",
                                          site.path("state").string()};
  REQUIRE(site.run(words) == 0);
  // The first message is gone, another has come, and one was read.
  write_file(site.path("box"),
             "From c@c.test Tue Nov 14 22:13:33 2023\nSubject: 3\n\nz\n\n"
             "From b@b.test Tue Nov 14 22:13:32 2023\nSubject: 2\nContent-Length: 2\nStatus: R\nX-UID: 4\n\ny\n\n"
             "From b@b.test Tue Nov 14 22:13:32 2023\nSubject: 2\nContent-Length: 2\n\ny\n");
  REQUIRE(site.run(words) == 0);
  CHECK(site.out.starts_with("1 mailboxes: 1 messages, 17 octets imported; 2 were there already, flags of 1 of"));
  CHECK(site.messages("INBOX") == std::vector<std::string>{kMessages[0], "1700000012 S|Subject: 2\r\n\r\ny\r\n",
                                                           kMessages[2], "1700000013 -|Subject: 3\r\n\r\nz\r\n"});
}

TEST_CASE("a directory of mboxes", "[transfer]") {
  Site site;
  const auto mail = site.path("mail");
  write_file(mail / "inbox", kBox);
  write_file(mail / "Work.sbd/Old", kBox);
  write_file(mail / "Work", "");
  write_file(mail / "Work.msf", "// index\n");
  write_file(mail / "notes", "no mbox\n");
  write_file(mail / ".subscriptions", "Work/Old\n");
  CHECK(site.run({"import", "mbox", mail.string()}) == 1);
  CHECK(site.err == "quartet-transfer: " + (mail / "notes").string() + ": no mbox\n");
  CHECK(site.messages("INBOX") == kMessages);
  CHECK(site.messages("Work/Old") == kMessages);
  const auto names = site.mailboxes();
  CHECK(std::ranges::count(names, "Work") == 1);
  CHECK(std::ranges::count(names, "Work/Old+") == 1);
  CHECK(site.run({"import", "mbox", (mail / "notes").string()}) == 1);
}

TEST_CASE("what c-client keeps for itself is no message", "[transfer]") {
  Site site;
  write_file(site.path("box"),
             "From MAILER-DAEMON Tue Nov 14 22:13:31 2023\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
             "X-IMAP: 1700000000 0000000002\nStatus: RO\n\nThis text is part of the internal format.\n\n" +
                 kBox);
  REQUIRE(site.run({"import", "mbox", site.path("box").string()}) == 0);
  CHECK(site.messages("INBOX") == kMessages);
}

TEST_CASE("what Thunderbird notes in its files", "[transfer]") {
  const std::string status = "X-Mozilla-Status: ";
  Site site;
  write_file(site.path("box"), "From - Tue Nov 14 22:13:31 2023\n" + status + "1007\nX-Mozilla-Status2: 00000000\n" +
                                   "X-Mozilla-Keys: $label1 NonJunk   \nSubject: 1\n\nx\n\n" +
                                   // Deleted, and not yet taken out of the file.
                                   "From - Tue Nov 14 22:13:32 2023\n" + status + "0009\nSubject: 2\n\ny\n\n" +
                                   // Came along from elsewhere.
                                   "From b@b.test Tue Nov 14 22:13:33 2023\n" + status +
                                   "0009\nX-Mozilla-Keys: z\nSubject: 3\n\nz\n\n");
  REQUIRE(site.run({"import", "mbox", site.path("box").string()}) == 0);
  CHECK(site.messages("INBOX") ==
        std::vector<std::string>{"1700000011 FRS $Forwarded $label1 NonJunk|Subject: 1\r\n\r\nx\r\n",
                                 "1700000013 -|Subject: 3\r\n\r\nz\r\n"});
}

TEST_CASE("mboxes that are written are read again as the same", "[transfer]") {
  Site site;
  write_file(site.path("box"), kBox);
  REQUIRE(site.run({"import", "mbox", site.path("box").string()}) == 0);
  REQUIRE(site.run({"import", "mbox", site.path("box").string(), "--into", "A/B"}) == 0);
  REQUIRE(site.run({"export", "mbox", site.path("out").string()}) == 0);
  CHECK(std::filesystem::exists(site.path("out") / "A.sbd/B"));
  const std::string other = "bob@b.test";
  REQUIRE(site.run({"import", "mbox", site.path("out").string()}, other) == 0);
  CHECK(site.messages("INBOX", other) == kMessages);
  CHECK(site.messages("A/B", other) == kMessages);
  CHECK(site.mailboxes(other) == site.mailboxes());
  REQUIRE(site.run({"export", "mbox", site.path("one").string(), "--mailbox", "A/B"}) == 0);
  CHECK(read_file(site.path("one"))
            .starts_with("From MAILER-DAEMON Tue Nov 14 22:13:31 2023\nStatus: RO\nX-Status: "
                         "F\nX-Keywords: work\nSubject: 1\n\n>From x\n\nFrom "));
  CHECK(site.run({"export", "mbox", site.path("one").string(), "--mailbox", "A/B"}) == 1);
  CHECK(site.err.find("is there already") != std::string::npos);
}

TEST_CASE("messages that are damaged or lost are named, and the others exported", "[transfer]") {
  Site site;
  std::string large;
  while (large.size() < 3 << 20) large += "a line of a message that is large enough for a file of its own\n";
  write_file(site.path("box"), kBox + "From c@c.test Tue Nov 14 22:13:33 2023\nSubject: 4\n\n" + large +
                                   "\nFrom c@c.test Tue Nov 14 22:13:34 2023\nSubject: 5\n\nThe fifth.\n");
  REQUIRE(site.run({"import", "mbox", site.path("box").string()}) == 0);
  REQUIRE(store::damage(site.store_path() / "bytes", "From x"));
  for (const auto& entry : std::filesystem::directory_iterator(site.store_path() / "bytes/payload"))
    std::filesystem::remove(entry);
  CHECK(site.run({"export", "mbox", site.path("one").string(), "--mailbox", "INBOX"}) == 1);
  CHECK(site.out.find("3 messages") != std::string::npos);
  CHECK(site.err.find("INBOX: the message with UID 1 was not exported") != std::string::npos);
  CHECK(site.err.find("INBOX: the message with UID 4 was not exported") != std::string::npos);
  const auto text = read_file(site.path("one"));
  CHECK(text.find("Subject: 1") == std::string::npos);
  CHECK(text.find("Subject: 2\n") != text.rfind("Subject: 2\n"));
  CHECK(text.find("The fifth.") != std::string::npos);
  CHECK(site.run({"export", "maildir", site.path("mail").string(), "--mailbox", "INBOX"}) == 1);
  CHECK(site.out.find("3 messages") != std::string::npos);
}

TEST_CASE("an mbox that was cut off is gone on with", "[transfer]") {
  Site site;
  write_file(site.path("box"), kBox);
  const std::vector<std::string> out = {"export", "mbox",     site.path("one").string(), "--mailbox",
                                        "INBOX",  "--resume", site.path("out").string()};
  REQUIRE(site.run({"import", "mbox", site.path("box").string()}) == 0);
  REQUIRE(site.run(out) == 0);
  const auto whole = read_file(site.path("one"));
  // A batch that was begun and not said to be done.
  write_file(site.path("one"), whole + "From half a mess");
  REQUIRE(site.run(out) == 0);
  CHECK(read_file(site.path("one")) == whole);
  REQUIRE(site.run({"import", "mbox", site.path("box").string()}) == 0);
  REQUIRE(site.run(out) == 0);
  CHECK(read_file(site.path("one")) == whole + whole);
  // Not a single batch was done.
  auto state = read_file(site.path("out"));
  state.resize(state.find('\n', state.find("\nat ") + 1) + 1);
  write_file(site.path("out"), state);
  REQUIRE(site.run(out) == 0);
  CHECK(read_file(site.path("one")) == whole + whole);
}

TEST_CASE("an mbox that changes while it is imported", "[transfer]") {
  Site site;
  const auto path = site.path("box").string();
  write_file(path, kBox);
  async::Loop loop;
  async::ThreadPool pool("files", 1);
  const auto source = open_mbox(path, pool);
  REQUIRE(source);
  auto folders = loop.block_on((*source)->folders());
  REQUIRE(folders);
  const auto items = loop.block_on((*source)->items(folders->front()));
  REQUIRE(items);
  REQUIRE(items->size() == 3);
  const std::vector<const Item*> wanted = {&(*items)[0], &(*items)[2]};
  const auto read = [&] { return loop.block_on((*source)->read(folders->front(), wanted)); };
  // Mail has come, and nothing else is another.
  write_file(path, kBox + "From c@c.test Tue Nov 14 22:13:33 2023\nSubject: 3\n\nz\n");
  const auto messages = read();
  REQUIRE(messages);
  CHECK(*(*messages)[0]->bytes == "Subject: 1\r\n\r\nFrom x\r\n");
  CHECK(*(*messages)[1]->bytes == "Subject: 2\r\n\r\ny\r\n");
  auto other = kBox;
  other[other.rfind('y')] = 'z';
  write_file(path, other);
  CHECK(read().error() == path + ": somebody changed it meanwhile");
}

TEST_CASE("only a file whose time of change is past is known not to have changed", "[transfer]") {
  const FileStamp then = {.device = 1, .inode = 2, .size = 3, .changed = 4, .settled = true};
  CHECK(then.is_unchanged(then));
  CHECK_FALSE(FileStamp{1, 2, 3, 4, false}.is_unchanged(then));
  CHECK_FALSE(then.is_unchanged({1, 2, 3, 5, true}));
  CHECK_FALSE(then.is_unchanged({1, 2, 4, 4, true}));
  CHECK_FALSE(then.is_unchanged({1, 3, 3, 4, true}));
}
