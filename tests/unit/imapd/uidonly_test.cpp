// UIDONLY: RFC 9586.
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

/// INBOX with UIDs 2 to 4; UIDONLY is enabled before it is selected.
async::Task<void> open(Client& client, Server& server) {
  for (int n = 0; n < 4; ++n) co_await server.deliver(letter("one"));
  co_await client.say("SELECT INBOX");
  co_await client.say("STORE 1 +FLAGS (\\Deleted)");
  co_await client.say("EXPUNGE");
  co_await client.say("UNSELECT");
  const auto enabled = co_await client.say("ENABLE UIDONLY");
  CHECK(has(enabled, "* ENABLED UIDONLY"));
  const auto opened = co_await client.say("SELECT INBOX");
  CHECK(has(opened, "* 3 EXISTS"));
  for (const auto& line : opened) CHECK_FALSE(line.contains("UNSEEN"));
}

}  // namespace

TEST_CASE("after ENABLE UIDONLY messages are told by UID", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    auto done = co_await client.say("CAPABILITY");
    CHECK(done[0].contains(" UIDONLY "));
    co_await open(client, server);
    done = co_await client.say("UID FETCH 3:* (RFC822.SIZE)");
    CHECK(done[0].starts_with("* 3 UIDFETCH (RFC822.SIZE "));
    CHECK(done[1].starts_with("* 4 UIDFETCH (RFC822.SIZE "));
    done = co_await client.say("UID FETCH 2 (UID BODY.PEEK[HEADER.FIELDS (Subject)])");
    CHECK(done[0].starts_with("* 2 UIDFETCH (UID 2 BODY[HEADER.FIELDS (Subject)] {"));
    done = co_await client.say("UID STORE 3 +FLAGS (\\Deleted)");
    CHECK(has(done, "* 3 UIDFETCH (FLAGS (\\Deleted))"));
    done = co_await client.say("UID SEARCH DELETED");
    CHECK(has(done, "* SEARCH 3"));
    auto other = server.second();
    co_await other.line();
    co_await other.say("LOGIN ann@a.test secret");
    co_await other.say("SELECT INBOX");
    co_await other.say("STORE 3 +FLAGS (\\Flagged)");
    done = co_await client.say("NOOP");
    CHECK(has(done, "* 4 UIDFETCH (FLAGS (\\Flagged))"));
    co_await other.say("EXPUNGE");
    done = co_await client.say("NOOP");
    CHECK(has(done, "* VANISHED 3"));
    done = co_await client.say("UID MOVE 2 Drafts");
    CHECK(has(done, "* VANISHED 2"));
    CHECK(done.back() == "OK Moved");
    done = co_await client.say("UID REPLACE 4 INBOX {1+}\r\nx");
    CHECK(has(done, "* VANISHED 4"));
    other.close();
  });
}

TEST_CASE("after ENABLE UIDONLY nobody speaks of messages by number", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await open(client, server);
    static constexpr const char* kWrong[] = {
        "FETCH 1 (UID)",
        "STORE 1 +FLAGS (\\Seen)",
        "SEARCH ALL",
        "COPY 1 Drafts",
        "MOVE 1 Drafts",
        "SORT (DATE) UTF-8 ALL",
        "THREAD REFERENCES UTF-8 ALL",
        "REPLACE 1 Drafts {1+}\r\nx",
        "UID SEARCH 1",
        "ESEARCH IN (SELECTED) 1",
        "UID SEARCH OR SEEN NOT (DELETED 1:*)",
        "UID SORT (DATE) UTF-8 1:*",
        "UID THREAD REFERENCES UTF-8 1:*",
    };
    for (const auto* command : kWrong) {
      const auto done = co_await client.say(command);
      CHECK(done.back().starts_with("BAD [UIDREQUIRED] "));
      co_await client.say("NOOP");
    }
    static constexpr const char* kRight[] = {"UID SEARCH RETURN (SAVE) UID 3:*", "UID SEARCH $ UNSEEN",
                                             "UID FETCH $ (FLAGS)", "UID COPY $ Drafts", "EXPUNGE"};
    for (const auto* command : kRight) {
      const auto done = co_await client.say(command);
      CHECK(done.back().starts_with("OK "));
    }
    co_await client.send("a UID STORE 3 +FLAGS (\\Seen)\r\nb STORE 3 +FLAGS (\\Seen)\r\n");
    co_await client.until("a");
    const auto refused = co_await client.until("b");
    CHECK(refused.back().starts_with("b BAD [UIDREQUIRED] "));
    co_await client.say("ENABLE QRESYNC");
    auto done = co_await client.say("SELECT INBOX (QRESYNC (1 1 1:4 (1:2 1:2)))");
    CHECK(done.back().starts_with("BAD [UIDREQUIRED] "));
    done = co_await client.say("SELECT INBOX (QRESYNC (1 1 1:4))");
    CHECK(done.back().starts_with("OK "));
  });
}
