// What others do shows without asking: RFC 2177, RFC 3501 sections 5.2 and 7.4.1.
#include "common/async/wait.h"
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

TEST_CASE("a delivery wakes an idling session", "[imapd]") {
  Server server;
  const auto capacity = GENERATE(std::size_t{65536}, std::size_t{1});
  server.run_in(
      [](Client& client, Server& here) -> async::Task<void> {
        co_await client.say("SELECT INBOX");
        co_await client.send("x IDLE\r\n");
        const auto ready = co_await client.line();
        CHECK(ready.starts_with("+ "));
        co_await here.deliver(letter("new"));
        const auto exists = co_await client.line();
        CHECK(exists == "* 1 EXISTS");
        const auto recent = co_await client.line();
        CHECK(recent == "* 1 RECENT");
        co_await client.send("DONE\r\n");
        const auto done = co_await client.line();
        CHECK(done.starts_with("x OK "));
        const auto fetched = co_await client.say("FETCH 1 BODY.PEEK[TEXT]");
        CHECK(fetched.front().ends_with("Text of new.\r\n)"));
      },
      capacity);
}

TEST_CASE("IDLE ends with anything but DONE as an error, and the session goes on", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    co_await client.send("x IDLE\r\n");
    co_await client.line();
    co_await client.send("x NOOP\r\n");
    const auto bad = co_await client.line();
    CHECK(bad.starts_with("x BAD "));
    const auto noop = co_await client.say("NOOP");
    CHECK(noop.back().starts_with("OK "));
  });
}

TEST_CASE("two sessions see each other's flags and expunges, never inside FETCH", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    co_await here.deliver(letter("two"));
    co_await client.say("SELECT INBOX");
    auto other = co_await here.second_logged_in();
    co_await other.say("SELECT INBOX");
    co_await other.say("STORE 2 +FLAGS (\\Flagged)");
    const auto flags = co_await client.say("NOOP");
    CHECK(has(flags, "* 2 FETCH (UID 2 FLAGS (\\Flagged \\Recent))"));
    co_await other.say("STORE 1 +FLAGS (\\Deleted)");
    co_await other.say("EXPUNGE");
    const auto fetched = co_await client.say("FETCH 2 UID");
    CHECK(has(fetched, "* 2 FETCH (UID 2)"));
    for (const auto& line : fetched) CHECK_FALSE(line.contains("EXPUNGE"));
    const auto told = co_await client.say("NOOP");
    CHECK(has(told, "* 1 EXPUNGE"));
    co_await other.say("LOGOUT");
  });
}

TEST_CASE("expunges that had to wait are told as soon as IDLE begins", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    co_await here.deliver(letter("two"));
    co_await client.say("SELECT INBOX");
    auto other = co_await here.second_logged_in();
    co_await other.say("SELECT INBOX");
    co_await other.say("STORE 1 +FLAGS.SILENT (\\Deleted)");
    co_await other.say("EXPUNGE");
    co_await client.say("FETCH 2 UID");
    co_await client.send("x IDLE\r\n");
    const auto ready = co_await client.line();
    CHECK(ready.starts_with("+ "));
    const auto told = co_await client.line();
    CHECK(told == "* 1 EXPUNGE");
    co_await client.send("DONE\r\n");
    const auto done = co_await client.line();
    CHECK(done.starts_with("x OK "));
    co_await other.say("LOGOUT");
  });
}

TEST_CASE("a draining server says BYE at the next command", "[imapd]") {
  static std::atomic<bool> draining;
  draining = false;
  Server server;
  server.options.draining = &draining;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    draining = true;
    const auto last = co_await client.say("NOOP");
    CHECK(last.front().starts_with("* BYE "));
    CHECK(last.back() == "(closed)");
  });
}

TEST_CASE("who says nothing is sent away", "[imapd]") {
  Server server;
  server.options.login_timeout = std::chrono::seconds(1);
  server.run([](Client& client, Server&) -> async::Task<void> {
    co_await client.line();
    const auto bye = co_await client.line();
    CHECK(bye.starts_with("* BYE Autologout"));
    const auto end = co_await client.line();
    CHECK(end == "(closed)");
  });
}

TEST_CASE("a session that waits is told at once that the server closes", "[imapd]") {
  const bool idles = GENERATE(false, true);
  const bool logged_in = GENERATE(false, true);
  Server server;
  static std::atomic<bool> draining;
  static async::Event drain_begun;
  draining = false;
  drain_begun.reset();
  server.options.draining = &draining;
  server.options.drain_begun = &drain_begun;
  const Server::Script script = [](Client& client, Server&) -> async::Task<void> {
    co_await client.send("x NOOP\r\n");
    const auto answered = co_await client.until("x");
    CHECK(answered.back().starts_with("x OK"));
    draining = true;
    drain_begun.set();
    const auto bye = co_await client.line();
    CHECK(bye == "* BYE The server is closing");
    const auto end = co_await client.line();
    CHECK(end == "(closed)");
  };
  const Server::Script idle = [](Client& client, Server&) -> async::Task<void> {
    co_await client.say("SELECT INBOX");
    co_await client.send("x IDLE\r\n");
    const auto begun = co_await client.line();
    CHECK(begun == "+ Idling");
    draining = true;
    drain_begun.set();
    const auto lines = co_await client.until("*");
    CHECK(lines.back().starts_with("* BYE"));
  };
  if (!logged_in) {
    server.run([](Client& client, Server&) -> async::Task<void> {
      co_await client.line();
      draining = true;
      drain_begun.set();
      const auto bye = co_await client.line();
      CHECK(bye == "* BYE The server is closing");
    });
  } else {
    server.run_in(idles ? idle : script);
  }
}

TEST_CASE("a session that waits is told at once that the operator ends it", "[imapd]") {
  const bool idles = GENERATE(false, true);
  static std::unique_ptr<net::Sessions> sessions;
  sessions = std::make_unique<net::Sessions>();
  Server server;
  const Server::Script script = [](Client& client, Server&) -> async::Task<void> {
    CHECK(sessions->list()[0].login == "ann@a.test");
    CHECK(sessions->end(1));
    const auto bye = co_await client.line();
    CHECK(bye == "* BYE The operator ends this session");
    const auto end = co_await client.line();
    CHECK(end == "(closed)");
  };
  const Server::Script idle = [](Client& client, Server&) -> async::Task<void> {
    co_await client.send("x IDLE\r\n");
    const auto begun = co_await client.line();
    CHECK(begun == "+ Idling");
    CHECK(sessions->list()[0].last_command == "IDLE");
    CHECK(sessions->end(1));
    const auto lines = co_await client.until("*");
    CHECK(lines.back().starts_with("* BYE The operator"));
  };
  server.list = sessions.get();
  server.run_in(idles ? idle : script);
}
