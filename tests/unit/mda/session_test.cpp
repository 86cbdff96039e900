// LMTP sessions with real targets: RFC 2033, RFC 5321 section 4.4 (trace), RFC 3461 (DSN).
#include "mda/session.h"

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>

#include "tests/unit/mda/session_harness.h"

using namespace quartet;
using namespace quartet::mda;
using namespace quartet::mda::test;

namespace {

/// While it lives, files of this process cannot be written beyond their first octet.
class NoRoom {
 public:
  NoRoom() {
    std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    auto small = before_;
    small.rlim_cur = 1;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  }
  ~NoRoom() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  NoRoom(const NoRoom&) = delete;
  NoRoom& operator=(const NoRoom&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("a message arrives in the store with its trace", "[mda]") {
  Mda mda;
  const auto capacity = GENERATE(std::size_t{65536}, std::size_t{1});
  const auto heard = mda.say(transaction("ann@a.test", kLetter), capacity);
  CHECK(codes(heard) == "250 250 354 250 221");
  const auto mail = mda.inbox("ann@a.test");
  REQUIRE(mail.size() == 1);
  CHECK(mail[0].starts_with("Return-Path: <bob@b.test>\r\nDelivered-To: ann@a.test\r\nReceived: from client.test"));
  CHECK(mail[0].contains("with LMTP id "));
  CHECK(mail[0].contains("for <ann@a.test>"));
  CHECK(mail[0].ends_with("\r\nSubject: hi\r\n\r\nHello\r\n"));
  CHECK_FALSE(mail[0].contains("old@x.test"));
}

TEST_CASE("each recipient has a reply of its own", "[mda]") {
  Mda mda;
  const auto heard = mda.say(transaction("ann@a.test nobody@a.test box@a.test dir@a.test x@far.test", kLetter));
  CHECK(codes(heard) == "250 250 550 250 250 550 354 250 250 250 221");
  CHECK(heard.contains("550 5.1.1 "));
  CHECK(heard.contains("550 5.7.1 "));
  CHECK(read_file(mda.directory.file("box.mbox")).contains("\nDelivered-To: box@a.test\n"));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(mda.directory.file("dir/new"))) {
    CHECK(read_file(entry.path()).contains("\nDelivered-To: dir@a.test\n"));
    ++files;
  }
  CHECK(files == 1);
}

TEST_CASE("one copy is kept for those who get a message twice, and none is told of the others", "[mda]") {
  Mda mda;
  const auto heard = mda.say(transaction("ann@a.test both@a.test ann+x@a.test", kLetter));
  CHECK(codes(heard) == "250 250 250 250 354 250 250 250 221");
  const auto mail = mda.inbox("ann@a.test");
  REQUIRE(mail.size() == 1);
  CHECK_FALSE(mail[0].contains("Delivered-To"));
  CHECK_FALSE(mail[0].contains("for <"));
  CHECK(mda.inbox("bob@a.test").size() == 1);
}

TEST_CASE("a subaddress names a mailbox, if the configuration has it so and the mailbox is there", "[mda]") {
  Mda mda;
  const std::string ann = "ann@a.test";
  for (const char* const name : {"Lists", "Lists/Debian"}) REQUIRE(mda.loop.block_on(mda.store->create(ann, name, "")));
  const auto send = [&mda](const std::vector<std::string>& to) {
    std::string text = "MAIL FROM:<zoe@far.test>\r\n";
    for (const auto& address : to) text += "RCPT TO:<" + address + ">\r\n";
    const auto heard = mda.say(text + "DATA\r\nSubject: x\r\n\r\ntext\r\n.\r\n");
    std::size_t good = 0;
    for (auto at = heard.find("250 2.1.5 delivered"); at != std::string::npos;
         at = heard.find("250 2.1.5 delivered", at + 1))
      ++good;
    CHECK(good == to.size());
  };
  const auto counts = [&] {
    return std::vector{mda.inbox(ann).size(), mda.in_mailbox(ann, "Lists").size(),
                       mda.in_mailbox(ann, "Lists/Debian").size()};
  };
  send({"ann+lists@a.test"});
  CHECK(counts() == std::vector<std::size_t>{1, 0, 0});
  mda.tables.deliveries = std::make_shared<const DeliveryTable>(std::vector<Delivery>{}, true);
  send({"ann+lists@a.test"});
  CHECK(counts() == std::vector<std::size_t>{1, 1, 0});
  send({"Ann+LISTS/Debian@a.test"});
  CHECK(counts() == std::vector<std::size_t>{1, 1, 1});
  // What names nothing is INBOX; each place has the message once.
  send({"ann+none@a.test", "ann@a.test", "ann+lists@a.test", "ann+Lists@a.test"});
  CHECK(counts() == std::vector<std::size_t>{2, 2, 1});
  send({"ann+inbox@a.test", "ann+a//b@a.test"});
  CHECK(counts() == std::vector<std::size_t>{3, 2, 1});

  // "keep" of a script is that mailbox, other actions are as ever; it is run for each.
  mda.script(ann,
             "require [\"fileinto\", \"subaddress\", \"imap4flags\", \"envelope\"];"
             "if envelope :detail \"to\" \"lists\" { addflag \"\\\\Flagged\"; } else { fileinto \"Lists/Debian\"; }");
  send({"ann+lists@a.test", "ann@a.test"});
  CHECK(counts() == std::vector<std::size_t>{3, 3, 2});
}

TEST_CASE("a full mailbox: later at RCPT and at DATA, never for what cannot fit at all", "[mda]") {
  Mda mda;
  const std::string half(1800, 'x');
  const auto first = mda.say(transaction("bob@a.test", "Subject: 1\r\n\r\n" + half + "\r\n"));
  CHECK(codes(first) == "250 250 354 250 221");
  const auto second = mda.say(transaction("bob@a.test", "Subject: 2\r\n\r\n" + half + "\r\n"));
  CHECK(codes(second) == "250 250 354 452 221");
  CHECK(second.contains("452 4.2.2 "));
  const auto announced = mda.say("MAIL FROM:<b@b.test> SIZE=2000\r\nRCPT TO:<bob@a.test>\r\nRSET\r\n");
  CHECK(codes(announced) == "250 452 250 221");
  const auto too_much = mda.say("MAIL FROM:<b@b.test> SIZE=4000\r\nRCPT TO:<bob@a.test>\r\nRSET\r\n");
  CHECK(codes(too_much) == "250 552 250 221");
  const auto never = mda.say(transaction("bob@a.test", "Subject: 3\r\n\r\n" + half + "\r\n" + half + "\r\n"));
  CHECK(never.contains("552 5.2.3 "));
}

TEST_CASE("room that messages on their way will take is no room for others", "[mda]") {
  Mda mda;
  auto other = mda.services->reservations.hold("bob@a.test", 2000);
  const std::string ask = "MAIL FROM:<b@b.test> SIZE=2000\r\nRCPT TO:<bob@a.test>\r\nRSET\r\n";
  CHECK(mda.say(ask).contains("452 4.2.2 "));
  other.reset();
  CHECK(mda.say(ask).contains("250 2.1.5 "));
  // What the session reserved ended with it.
  CHECK(mda.reservations.held("bob@a.test").messages == 0);
  // So it does before, when the transaction does.
  for (const auto* const end : {"RSET\r\n", "LHLO again.test\r\n"}) {
    const std::string begun = "MAIL FROM:<b@b.test> SIZE=2000\r\nRCPT TO:<bob@a.test>\r\n";
    CHECK(mda.held_after(begun, "bob@a.test") == 1);
    CHECK(mda.held_after(begun + end, "bob@a.test") == 0);
  }
  // Named twice, it is one message.
  const auto twice =
      mda.say("MAIL FROM:<b@b.test> SIZE=2000\r\nRCPT TO:<bob@a.test>\r\nRCPT TO:<BOB@a.test>\r\nRSET\r\n");
  CHECK_FALSE(twice.contains("452"));
}

TEST_CASE("a full INBOX refuses at RCPT, and other mailboxes do not count", "[mda]") {
  Mda mda;
  mda.say(transaction("ann@a.test", "Subject: 1\r\n\r\ntext\r\n"));
  const auto inbox = mda.loop.block_on(mda.store->find("ann@a.test", "INBOX"));
  REQUIRE(mda.loop.block_on(mda.store->set_quota(inbox->ref, {0, 1})));
  CHECK(mda.say("MAIL FROM:<b@b.test>\r\nRCPT TO:<ann@a.test>\r\nRSET\r\n").contains("452 4.2.2 "));
  REQUIRE(mda.loop.block_on(mda.store->set_quota(inbox->ref, {0, 2})));
  CHECK(mda.say("MAIL FROM:<b@b.test>\r\nRCPT TO:<ann@a.test>\r\nRSET\r\n").contains("250 2.1.5 "));
}

TEST_CASE("where a part of an alias fails, the rest has the mail and the part waits in the spool", "[mda]") {
  Mda mda;
  const auto heard = mda.say(transaction("broken@a.test", kLetter));
  CHECK(codes(heard) == "250 250 354 250 221");
  CHECK(mda.inbox("ann@a.test").size() == 1);
  const auto queued = mda.queued();
  REQUIRE(queued.size() == 1);
  CHECK(queued[0].to == "nowhere@a.test");
  CHECK(queued[0].envelope.reverse_path == "bob@b.test");
  CHECK_FALSE(queued[0].body.contains("Delivered-To"));
}

TEST_CASE("without a spool such mail is tried again by the client", "[mda]") {
  Mda mda(false);
  const auto heard = mda.say(transaction("broken@a.test out@a.test", kLetter));
  CHECK(codes(heard) == "250 250 250 354 451 451 221");
  CHECK_FALSE(heard.contains("DSN"));
}

TEST_CASE("mail that leads elsewhere keeps its envelope", "[mda]") {
  Mda mda;
  const auto heard = mda.say(
      "MAIL FROM:<bob@b.test> RET=HDRS ENVID=abc BODY=8BITMIME XTRACE=t1\r\n"
      "RCPT TO:<out@a.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first@x.test\r\nDATA\r\n" +
      std::string(kLetter) + ".\r\n");
  CHECK(codes(heard) == "250 250 354 250 221");
  const auto queued = mda.queued();
  REQUIRE(queued.size() == 1);
  CHECK(queued[0].to == "someone@far.test");
  CHECK(queued[0].notify == (spool::kNotifySuccess | spool::kNotifyFailure));
  CHECK(queued[0].orcpt == "rfc822;first@x.test");
  CHECK(queued[0].envelope.envid == "abc");
  CHECK(queued[0].envelope.ret == spool::Ret::kHeaders);
  CHECK(queued[0].envelope.body_type == spool::BodyType::k8BitMime);
  CHECK(queued[0].envelope.trace_id == "t1");
  CHECK(queued[0].body.starts_with("Delivered-To: out@a.test\r\nReceived: "));
}

TEST_CASE("mail to an address beyond ASCII needs SMTPUTF8 from here on", "[mda]") {
  Mda mda;
  const std::string data = "\r\nDATA\r\n" + std::string(kLetter) + ".\r\n";
  mda.say("MAIL FROM:<bob@b.test>\r\nRCPT TO:<over@a.test>" + data + "MAIL FROM:<bob@b.test>\r\nRCPT TO:<out@a.test>" +
          data);
  const auto queued = mda.queued();
  REQUIRE(queued.size() == 2);
  for (const auto& message : queued) CHECK(message.envelope.smtputf8 == (message.to != "someone@far.test"));
}

TEST_CASE("a delivery that is to be told of is told of once", "[mda]") {
  Mda mda;
  mda.say("MAIL FROM:<bob@b.test>\r\nRCPT TO:<ann@a.test> NOTIFY=SUCCESS\r\nRCPT TO:<box@a.test>\r\nDATA\r\n" +
          std::string(kLetter) + ".\r\n");
  const auto queued = mda.queued();
  REQUIRE(queued.size() == 1);
  CHECK(queued[0].to == "bob@b.test");
  CHECK(queued[0].envelope.reverse_path.empty());
  CHECK(queued[0].body.contains("Action: delivered"));
  CHECK(queued[0].body.contains("ann@a.test"));
  CHECK_FALSE(queued[0].body.contains("box@a.test"));
}

TEST_CASE("a message does not go round in circles", "[mda]") {
  Mda mda;
  const auto again = mda.say(transaction("ann@a.test box@a.test", "Delivered-To: ann@a.test\r\nSubject: x\r\n\r\n"));
  CHECK(codes(again) == "250 250 250 354 554 250 221");
  CHECK(again.contains("554 5.4.6 "));
  const auto forwarded = mda.say(transaction("out@a.test", "Delivered-To: OUT@a.test\r\nSubject: x\r\n\r\n"));
  CHECK(codes(forwarded) == "250 250 354 554 221");
  std::string hops;
  for (int i = 0; i < 51; ++i) hops += "Received: by x\r\n";
  const auto many = mda.say(transaction("ann@a.test", hops + "\r\n"));
  CHECK(codes(many) == "250 250 354 554 221");
  CHECK(mda.inbox("ann@a.test").empty());
}

TEST_CASE("a body without header stays a body", "[mda]") {
  Mda mda;
  mda.say(transaction("ann@a.test", "no header here\r\n"));
  const auto mail = mda.inbox("ann@a.test");
  REQUIRE(mail.size() == 1);
  CHECK(mail[0].ends_with("\r\n\r\nno header here\r\n"));
}

TEST_CASE("the line of an mbox in front of a message is none of it", "[mda]") {
  const std::string line = GENERATE("From a@b Sat Jan  3 01:02:03 2026\r\n", ">From a@b\r\n");
  Mda mda;
  mda.say(transaction("ann@a.test", line + "Subject: x\r\n\r\ntext\r\n") +
          transaction("ann@a.test", line + "no header here\r\n") +
          transaction("out@a.test", line + "Subject: y\r\n\r\ntext\r\n"));
  const auto mail = mda.inbox("ann@a.test");
  REQUIRE(mail.size() == 2);
  CHECK(mail[0].ends_with("\r\nSubject: x\r\n\r\ntext\r\n"));
  CHECK(mail[1].ends_with("\r\n\r\n" + line + "no header here\r\n"));  // where no field follows it is a text
  const auto sent = mda.queued();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].body.ends_with("\r\nSubject: y\r\n\r\ntext\r\n"));
  for (const auto& text : {mail[0], sent[0].body}) CHECK_FALSE(text.contains("From a@b"));
}

TEST_CASE("messages in memory have a budget", "[mda]") {
  Mda mda;
  const auto heard = mda.say(transaction("ann@a.test", "Subject: x\r\n\r\n" + std::string(900, 'x') + "\r\n") +
                             transaction(
                                 "ann@a.test", "Subject: x\r\n\r\n" + [] {
                                   std::string lines;
                                   while (lines.size() < (1 << 20)) lines += std::string(70, 'x') + "\r\n";
                                   return lines;
                                 }()));
  CHECK(codes(heard) == "250 250 354 250 250 250 354 452 221");
  CHECK(mda.budget.taken() == 0);
}

TEST_CASE("many sessions deliver to one mbox at the same time", "[mda]") {
  Mda mda;
  struct Many {
    static async::Task<void> one(Mda& here, int n, int& good) {
      const auto heard = co_await here.converse(
          transaction("box@a.test ann@a.test", "Subject: " + std::to_string(n) + "\r\n\r\nx\r\n"), 65536);
      good += codes(heard) == "250 250 250 354 250 250 221";
    }
    static async::Task<int> all(Mda& here) {
      int good = 0;
      async::TaskGroup group;
      for (int n = 0; n < 20; ++n) group.spawn(one(here, n, good));
      co_await group.join(soon());
      co_return good;
    }
  };
  CHECK(mda.loop.block_on(Many::all(mda)) == 20);
  const auto box = read_file(mda.directory.file("box.mbox"));
  std::size_t count = 0;
  for (auto at = box.find("From bob@b.test "); at != std::string::npos; at = box.find("From bob@b.test ", at + 1))
    ++count;
  CHECK(count == 20);
  CHECK(mda.inbox("ann@a.test").size() == 20);
}

TEST_CASE("a disk that takes nothing is a reason to try again, and shows until it does", "[mda][files]") {
  Mda mda(false);
  service::RecentFault fault;
  mda.services->delivery.store_fault = &fault;
  CHECK(codes(mda.say(transaction("ann@a.test", "Subject: x\r\n\r\nx\r\n"))) == "250 250 354 250 221");
  {
    const NoRoom no_room;
    CHECK(codes(mda.say(transaction("ann@a.test", "Subject: y\r\n\r\ny\r\n"))) == "250 250 354 451 221");
  }
  CHECK_FALSE(fault.text().empty());
  CHECK(codes(mda.say(transaction("ann@a.test", "Subject: z\r\n\r\nz\r\n"))) == "250 250 354 250 221");
  CHECK(fault.text().empty());
  CHECK(mda.inbox("ann@a.test").size() == 2);
}
