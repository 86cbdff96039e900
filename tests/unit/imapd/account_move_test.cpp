// What sessions hear when their account is moved to another store, and what the next ones find.
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

async::Task<void> move(Server& server, std::string to = "other") {
  for (bool done = false; !done;) {
    const auto moved = co_await server.store().move_account({.account = "ann@a.test", .to = to});
    if (!moved) FAIL(moved.error().detail);
    done = moved->done;
  }
}

/// A new session, and what SELECT says of the INBOX.
async::Task<std::vector<std::string>> select_anew(Server& server) {
  auto client = server.second();
  co_await client.line();
  co_await client.say("LOGIN ann@a.test secret");
  auto lines = co_await client.say("SELECT INBOX (CONDSTORE)");
  co_await client.say("LOGOUT");
  std::erase_if(lines, [](const std::string& line) { return line.contains(" RECENT"); });
  co_return lines;
}

}  // namespace

TEST_CASE("IDLE ends when the account moves, and a new session finds all as it was", "[imapd]") {
  Server server(true);
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    co_await here.deliver(letter("two"));
    co_await client.say("SELECT INBOX");
    co_await client.say("STORE 1 +FLAGS ($Work)");
    const auto before = co_await select_anew(here);
    CHECK(has(before, "* 2 EXISTS"));
    co_await client.send("x IDLE\r\n");
    co_await client.line();
    co_await move(here);
    const auto bye = co_await client.line();
    CHECK(bye == "* BYE The mailbox has moved: connect again");
    const auto after = co_await select_anew(here);
    CHECK(after == before);
    co_await here.deliver(letter("three"));
    co_await move(here, "main");
    const auto again = co_await select_anew(here);
    CHECK(has(again, "* 3 EXISTS"));
    CHECK(has(again, "* OK [UIDNEXT 4] The next UID"));
  });
}

TEST_CASE("a command in a mailbox that has moved does nothing and ends the session", "[imapd]") {
  Server server(true);
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    co_await client.say("SELECT INBOX");
    co_await move(here);
    const auto stored = co_await client.say("STORE 1 +FLAGS (\\Deleted)");
    CHECK(stored.back() == "NO [UNAVAILABLE] Try again later");
    const auto bye = co_await client.line();
    CHECK(bye == "* BYE The mailbox has moved: connect again");
    const auto again = co_await select_anew(here);
    CHECK(has(again, "* 1 EXISTS"));
    const auto found = co_await here.store().find("ann@a.test", "INBOX");
    CHECK(found->status.deleted == 0);
  });
}

TEST_CASE("CLOSE leaves the mailbox also where it cannot expunge: RFC 9051 section 6.4.1", "[imapd]") {
  Server server(true);
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    co_await client.say("SELECT INBOX");
    co_await client.say("STORE 1 +FLAGS (\\Deleted)");
    co_await move(here);
    const auto closed = co_await client.say("CLOSE");
    CHECK(closed == std::vector<std::string>{"* NO [UNAVAILABLE] Try again later", "OK Closed"});
    const auto status = co_await client.say("STATUS INBOX (MESSAGES DELETED)");
    CHECK(has(status, "* STATUS INBOX (MESSAGES 1 DELETED 1)"));
  });
}

TEST_CASE("who has no mailbox selected goes on, unless NOTIFY is set", "[imapd]") {
  Server server(true);
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    auto watching = here.second();
    co_await watching.line();
    co_await watching.say("LOGIN ann@a.test secret");
    const auto set = co_await watching.say("NOTIFY SET (personal (MailboxName MessageNew MessageExpunge))");
    CHECK(set.back().starts_with("OK "));
    co_await move(here);
    const auto bye = co_await watching.line();
    CHECK(bye == "* BYE The mailbox has moved: connect again");
    const auto status = co_await client.say("STATUS INBOX (MESSAGES)");
    CHECK(has(status, "* STATUS INBOX (MESSAGES 1)"));
    const auto selected = co_await client.say("SELECT INBOX");
    CHECK(selected.back().starts_with("OK "));
  });
}
