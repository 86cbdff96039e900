// Clients that say little for long: RFC 9051 section 5.4, RFC 1939 section 3.
#include "imapd/pop3_session.h"
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

constexpr std::chrono::milliseconds kPause{100};

struct Drip {
  std::string begin;  // said at once
  std::string again;  // said again and again
};
Drip drip;

/// Says all that until the server has hung up, for ten seconds at most: whether it has.
async::Task<bool> until_hung_up(Client& client) {
  co_await client.send(drip.begin);
  auto stream = client.take_stream();
  bool hung_up = false;
  for (int i = 0; i < 100 && !hung_up; ++i) {
    const auto sent = co_await stream->write(drip.again, soon());
    hung_up = !sent;
    if (!hung_up) co_await async::sleep_for(kPause);
  }
  client.put_stream(std::move(stream));
  co_return hung_up;
}

/// The last line before the end.
async::Task<std::string> last_word(Client& client) {
  std::string last;
  for (;;) {
    auto next = co_await client.line();
    if (next == "(closed)") co_return last;
    last = std::move(next);
  }
}

async::Task<void> is_sent_away(Client& client, std::string word) {
  const bool hung_up = co_await until_hung_up(client);
  CHECK(hung_up);
  if (!hung_up) co_return client.close();
  const auto last = co_await last_word(client);
  CHECK(last == word);
}

/// Says "x NOOP" in pieces, none of which ends where a line does.
async::Task<void> say_in_pieces(Client& client) {
  co_await client.send("x N");
  for (int i = 0; i < 50; ++i) {
    co_await client.send("OOP\r\nx N");
    const auto answered = co_await client.line();
    CHECK(answered.starts_with("x OK"));
    co_await async::sleep_for(kPause);
  }
  co_await client.send("OOP\r\n");
  co_await client.line();
}

}  // namespace

TEST_CASE("a login has one time for all that is said", "[imapd]") {
  drip = GENERATE(Drip{"", "x NOOP\r\n"}, Drip{"x LOGIN \"", "a"}, Drip{"x AUTHENTICATE PLAIN\r\n", "A"},
                  Drip{"x LOGIN {4000+}\r\n", "a"});
  Server server;
  server.options.login_timeout = std::chrono::seconds(1);
  server.run([](Client& client, Server&) -> async::Task<void> {
    co_await client.line();
    co_await is_sent_away(client, "* BYE Autologout: the login takes too long");
  });
}

TEST_CASE("a command has one time for its line", "[imapd]") {
  drip = GENERATE(Drip{"x NO", "O"}, Drip{"x IDLE\r\n", "D"},
                  Drip{"x NOTIFY SET (PERSONAL (MessageNew MessageExpunge))\r\ny NO", "O"});
  Server server;
  server.options.idle_timeout = std::chrono::seconds(1);
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    co_await is_sent_away(client, "* BYE Autologout: too long without a command");
  });
}

TEST_CASE("what a command has announced must come on", "[imapd]") {
  drip = GENERATE(Drip{"x APPEND INBOX {4000+}\r\n", "a"}, Drip{"x SEARCH TEXT {4000+}\r\n", "a"},
                  Drip{"x SEARCH TEXT {1+}\r\na ", "a"});
  Server server;
  server.options.transfer_timeout = std::chrono::seconds(1);
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    co_await is_sent_away(client, "* BYE Autologout: the command comes too slowly");
  });
}

TEST_CASE("a message that takes long, but comes on, gets through", "[imapd]") {
  Server server;
  server.options.idle_timeout = server.options.transfer_timeout = std::chrono::seconds(4);
  server.options.transfer_rate = 10;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    const std::string piece = std::string(98, 'a') + "\r\n";
    co_await client.send("x APPEND INBOX {5000+}\r\n");
    for (int i = 0; i < 50; ++i) {
      co_await client.send(piece);
      co_await async::sleep_for(kPause);
    }
    co_await client.send("\r\n");
    const auto stored = co_await client.line();
    CHECK(stored.starts_with("x OK [APPENDUID"));
  });
}

TEST_CASE("many commands one behind the other are not slow because each comes in two pieces", "[imapd]") {
  Server server;
  server.options.idle_timeout = std::chrono::seconds(4);
  server.run_in([](Client& client, Server&) -> async::Task<void> { co_await say_in_pieces(client); });
}

TEST_CASE("who is logged in has other times, until it has logged out of its account", "[imapd]") {
  Server server;
  server.options.login_timeout = std::chrono::seconds(1);
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    co_await async::sleep_for(std::chrono::milliseconds(1'500));
    const auto noop = co_await client.say("NOOP");
    CHECK(noop.back().starts_with("OK "));
    const auto out = co_await client.say("UNAUTHENTICATE");
    CHECK(out.back().starts_with("OK "));
    const auto bye = co_await client.line();
    CHECK(bye == "* BYE Autologout: the login takes too long");
  });
}

TEST_CASE("a login to POP3 has one time for all that is said", "[imapd][pop3]") {
  drip = GENERATE(Drip{"", "CAPA\r\n"}, Drip{"USER ", "a"}, Drip{"AUTH PLAIN\r\n", "A"});
  Server server;
  server.protocol = imapd::serve_pop3;
  server.options.login_timeout = std::chrono::seconds(1);
  server.run([](Client& client, Server&) -> async::Task<void> {
    co_await client.line();
    const bool hung_up = co_await until_hung_up(client);
    CHECK(hung_up);
    if (!hung_up) client.close();
  });
}

TEST_CASE("a command of POP3 has one time for its line", "[imapd][pop3]") {
  Server server;
  server.protocol = imapd::serve_pop3;
  server.options.login_timeout = server.options.pop3_idle_timeout = std::chrono::seconds(1);
  drip = {"NO", "O"};
  server.run([](Client& client, Server&) -> async::Task<void> {
    co_await client.send("USER ann@a.test\r\nPASS secret\r\n");
    for (int i = 0; i < 3; ++i) co_await client.line();
    const bool hung_up = co_await until_hung_up(client);
    CHECK(hung_up);
    if (!hung_up) client.close();
  });
}

TEST_CASE("who is logged in to POP3 has other times", "[imapd][pop3]") {
  Server server;
  server.protocol = imapd::serve_pop3;
  server.options.login_timeout = std::chrono::seconds(1);
  server.run([](Client& client, Server&) -> async::Task<void> {
    co_await client.send("USER ann@a.test\r\nPASS secret\r\n");
    for (int i = 0; i < 3; ++i) co_await client.line();
    co_await async::sleep_for(std::chrono::milliseconds(1'500));
    co_await client.send("NOOP\r\n");
    const auto noop = co_await client.line();
    CHECK(noop.starts_with("+OK"));
  });
}
