// Columns of mailboxes in memory, and commands that say the same with and without them.
#include "imapd/column_cache.h"

#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd;
using namespace quartet::imapd::test;
using Kind = Column::Kind;

namespace {

ColumnBlockPtr block(std::vector<std::uint32_t> uids, const std::string& text = "x") {
  auto made = std::make_shared<ColumnBlock>();
  for (const auto uid : uids) made->add(uid, text + std::to_string(uid));
  made->shrink();
  return made;
}

ColumnCache::Key key(std::int64_t mailbox, std::uint32_t number = 0, Kind kind = Kind::kEnvelope) {
  return {{0, 1, mailbox}, 1, {kind, 0}, number};
}

}  // namespace

TEST_CASE("a block gives the text of each of its messages", "[columns]") {
  const auto made = block({2, 5, 9});
  CHECK(made->size() == 3);
  CHECK(made->text(0) == "x2");
  CHECK(made->text(2) == "x9");
  CHECK(made->row_of(1) == 0);
  CHECK(made->row_of(3) == 1);
  CHECK(made->row_of(9, 1) == 2);
  CHECK(made->row_of(10, 2) == 3);
  CHECK(made->row_of(10, 3) == 3);
  CHECK(made->has(5));
  CHECK_FALSE(made->has(6));
  CHECK_FALSE(made->has(10));
}

TEST_CASE("the block that was not asked for the longest goes first", "[columns]") {
  const std::string text(1000, 't');
  const auto one = block({1, 2, 3}, text);
  ColumnCache cache(4 * one->octets());
  for (std::int64_t mailbox = 0; mailbox < 4; ++mailbox) cache.add(key(mailbox), block({1, 2, 3}, text));
  CHECK(cache.octets() == 4 * one->octets());
  REQUIRE(cache.find(key(0)) != nullptr);
  cache.add(key(4), one);
  CHECK(cache.octets() == 4 * one->octets());
  CHECK(cache.find(key(0)) != nullptr);
  CHECK(cache.find(key(1)) == nullptr);
  CHECK(cache.find(key(4)) == one);
  // Another in its place is not another beside it.
  cache.add(key(4), block({1, 2, 3}, text));
  CHECK(cache.octets() == 4 * one->octets());
  CHECK(cache.find(key(4)) != one);
}

TEST_CASE("a mailbox, its UIDVALIDITY, a column and its blocks are apart", "[columns]") {
  ColumnCache cache(1'000'000);
  cache.add(key(1), block({1}));
  CHECK(cache.find(key(2)) == nullptr);
  CHECK(cache.find(key(1, 1)) == nullptr);
  CHECK(cache.find(key(1, 0, Kind::kBody)) == nullptr);
  auto other = key(1);
  other.uidvalidity = 2;
  CHECK(cache.find(other) == nullptr);
  other = key(1);
  other.column.which = 7;
  CHECK(cache.find(other) == nullptr);
  CHECK(cache.find(key(1)) != nullptr);
  CHECK(cache.has_room_for(500'000));
  CHECK_FALSE(cache.has_room_for(500'001));
}

TEST_CASE("FETCH and SEARCH say the same with what is in memory", "[imapd]") {
  static ColumnCache cache(10'000'000);
  Server server;
  server.services.columns = &cache;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    for (const auto* subject : {"one", "two", "three"}) co_await here.deliver(letter(subject));
    co_await client.say("SELECT INBOX");
    const std::string fields = "BODY.PEEK[HEADER.FIELDS (SUBJECT)]";
    const std::string fetch =
        "FETCH 1:* (UID FLAGS RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE PREVIEW " + fields + " " + fields + "<9.3>)";
    here.services.columns = nullptr;
    const auto expected = co_await client.say(fetch);
    REQUIRE(expected.size() == 4);
    CHECK(expected[1].contains("BODY[HEADER.FIELDS (SUBJECT)] {16}\r\nSubject: two\r\n\r\n"));
    CHECK(expected[1].contains("BODY[HEADER.FIELDS (SUBJECT)]<9> {3}\r\ntwo"));
    CHECK(expected[1].contains("PREVIEW \"Text of two.\""));
    here.services.columns = &cache;
    for (int times = 0; times < 2; ++times) {
      const auto fetched = co_await client.say(fetch);
      CHECK(fetched == expected);
      const auto found = co_await client.say("SEARCH OR SUBJECT TWO FROM nobody");
      CHECK(found.front() == "* SEARCH 2");
      const auto both = co_await client.say("SEARCH SUBJECT t BODY \"Text of t\" NOT HEADER Cc \"\"");
      CHECK(both.front() == "* SEARCH 2 3");
      const auto one = co_await client.say("FETCH 2 " + fields);
      CHECK(has(one, "* 2 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {16}\r\nSubject: two\r\n\r\n)"));
    }
    CHECK(cache.octets() > 0);
    // Messages come and go.
    co_await client.say("STORE 1 +FLAGS (\\Deleted)");
    co_await client.say("EXPUNGE");
    co_await here.deliver(letter("four"));
    co_await client.say("NOOP");
    const auto later = co_await client.say("FETCH 1:* " + fields);
    CHECK(has(later, "* 1 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {16}\r\nSubject: two\r\n\r\n)"));
    CHECK(has(later, "* 3 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {17}\r\nSubject: four\r\n\r\n)"));
    const auto found = co_await client.say("UID SEARCH SUBJECT o");
    CHECK(found.front() == "* SEARCH 2 4");
  });
}

TEST_CASE("more messages than a block has, and some of them only", "[imapd]") {
  static ColumnCache cache(10'000'000);
  Server server;
  server.services.columns = &cache;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    constexpr int kMessages = 1100;
    for (int n = 1; n <= kMessages; ++n) co_await here.deliver(letter(std::to_string(n)));
    co_await client.say("SELECT INBOX");
    for (int times = 0; times < 2; ++times) {
      const auto some = co_await client.say("FETCH 3,510:514,1024:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]");
      CHECK(some.size() == 1 + 5 + 77 + 1);
      CHECK(has(some, "* 512 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {16}\r\nSubject: 512\r\n\r\n)"));
      const auto all = co_await client.say("FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]");
      REQUIRE(all.size() == kMessages + 1);
      for (int n = 1; n <= kMessages; ++n)
        CHECK(all[static_cast<std::size_t>(n - 1)].contains("Subject: " + std::to_string(n) + "\r\n"));
      const auto found = co_await client.say("SEARCH SUBJECT 51");
      CHECK(found.front() ==
            "* SEARCH 51 151 251 351 451 510 511 512 513 514 515 516 517 518 519 551 651 751 851 951 1051");
    }
  });
}

TEST_CASE("header fields that are too long to be kept are read from the message", "[imapd]") {
  static ColumnCache cache(10'000'000);
  Server server;
  server.services.columns = &cache;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    const std::string longer(20'000, 'z');
    co_await here.deliver("References: <" + longer + "@x>\r\nSubject: long\r\n\r\nx\r\n");
    co_await here.deliver(letter("short"));
    co_await client.say("SELECT INBOX");
    for (int times = 0; times < 2; ++times) {
      const auto fetched = co_await client.say("FETCH 1:2 (ENVELOPE BODY.PEEK[HEADER.FIELDS (SUBJECT)])");
      REQUIRE(fetched.size() == 3);
      CHECK(fetched.back().starts_with("OK"));
      for (const auto* subject : {"Subject: long\r\n", "Subject: short\r\n"})
        CHECK((fetched[0].contains(subject) || fetched[1].contains(subject)));
    }
  });
}

TEST_CASE("SORT and THREAD say the same with what is in memory", "[imapd]") {
  static ColumnCache cache(10'000'000);
  Server server;
  server.services.columns = &cache;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    for (const auto* subject : {"b", "Re: b", "a"}) co_await here.deliver(letter(subject));
    co_await here.deliver(
        "Message-ID: <r@b.test>\r\nReferences: <a@b.test>\r\nSubject: c\r\nDate: Mon, 23 Nov 2026 13:05:09 "
        "+0000\r\n\r\n");
    co_await client.say("SELECT INBOX");
    for (int times = 0; times < 2; ++times) {
      const auto sorted = co_await client.say("SORT (SUBJECT DATE) UTF-8 ALL");
      CHECK(has(sorted, "* SORT 3 1 2 4"));
      const auto by_date = co_await client.say("SORT (REVERSE DATE REVERSE SUBJECT) UTF-8 ALL");
      CHECK(has(by_date, "* SORT 1 2 3 4"));
      const auto threads = co_await client.say("THREAD ORDEREDSUBJECT UTF-8 ALL");
      CHECK(has(threads, "* THREAD (4)(1 2)(3)"));
      const auto by_references = co_await client.say("THREAD REFERENCES UTF-8 ALL");
      CHECK(has(by_references, "* THREAD (1 2)(3 4)"));
    }
    auto other = co_await here.second_logged_in();
    co_await here.deliver(letter("0"));
    co_await client.say("STORE 1 +FLAGS (\\Deleted)");
    co_await client.say("EXPUNGE");
    co_await other.say("SELECT INBOX");
    const auto sorted = co_await other.say("UID SORT (SUBJECT) UTF-8 ALL");
    CHECK(has(sorted, "* SORT 5 3 2 4"));
    co_await other.say("LOGOUT");
  });
}

TEST_CASE("of very many references the first and the last ones make the thread", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    std::string many = "<first@x>";
    for (int n = 0; n < 5'000; ++n) many += "\r\n <none" + std::to_string(n) + "@x>";
    const auto message = [](const std::string& id, const std::string& references) {
      return "Message-ID: <" + id + "@x>\r\nSubject: " + id + "\r\nReferences: " + references + "\r\n\r\nText\r\n";
    };
    co_await here.deliver(message("first", ""));
    co_await here.deliver(message("other", "<nobody@x>"));
    co_await here.deliver(message("last", many));
    co_await here.deliver(message("answer", many + " <last@x>"));
    co_await client.say("SELECT INBOX");
    const auto threads = co_await client.say("THREAD REFERENCES UTF-8 ALL");
    CHECK(has(threads, "* THREAD (1 3 4)(2)"));
  });
}
