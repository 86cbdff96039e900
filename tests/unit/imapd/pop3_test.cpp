// POP3 sessions on a real store: RFC 1939, 2449, 2595, 5034, 3206.
#include "imapd/pop3_session.h"

#include "common/tls/client_context.h"
#include "common/tls/stream.h"
#include "imapd/maildrops.h"
#include "tests/support/certificates.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;
using imapd::Maildrops;
using quartet::test::TemporaryDirectory;

namespace {

/// Sends the command and gives the first line of the answer.
async::Task<std::string> one(Client& client, std::string command) {
  co_await client.send(command + "\r\n");
  co_return co_await client.line();
}

/// The same, and the lines after it up to the "." that ends them, that one included.
async::Task<std::vector<std::string>> many(Client& client, std::string command) {
  std::vector<std::string> lines;
  auto first = co_await one(client, std::move(command));
  lines.push_back(std::move(first));
  while (lines.front().starts_with("+OK") && lines.back() != "." && lines.back() != "(closed)") {
    auto next = co_await client.line();
    lines.push_back(std::move(next));
  }
  co_return lines;
}

async::Task<void> log_in(Client& client) {
  co_await client.line();
  co_await one(client, "USER ann@a.test");
  const auto in = co_await one(client, "PASS secret");
  CHECK(in.starts_with("+OK "));
}

struct Pop3Server : Server {
  Pop3Server() {
    protocol = imapd::serve_pop3;
    services.maildrops = maildrops.get();
  }
  TemporaryDirectory directory;
  std::unique_ptr<Maildrops> maildrops = Maildrops::open(directory.file("maildrops"), store()).value();
};

/// Size of what letter() makes, as POP3 counts it.
std::string size_of(const std::string& subject) { return std::to_string(letter(subject).size()); }

async::Task<store::Status> inbox(Server& server) {
  const auto found = co_await server.store().find("ann@a.test", "INBOX");
  REQUIRE(found.has_value());
  co_return found->status;
}

}  // namespace

TEST_CASE("a maildrop is listed, read and emptied", "[pop3]") {
  Pop3Server server;
  const auto capacity = GENERATE(std::size_t{65536}, std::size_t{1});
  server.run(
      [](Client& client, Server& here) -> async::Task<void> {
        for (const auto* subject : {"one", "three", "fifteen"}) co_await here.deliver(letter(subject));
        co_await log_in(client);
        const auto octets = letter("one").size() + letter("three").size() + letter("fifteen").size();
        const auto stat = co_await one(client, "STAT");
        CHECK(stat == "+OK 3 " + std::to_string(octets));
        const auto list = co_await many(client, "LIST");
        CHECK(list.size() == 5);
        CHECK(has(list, "2 " + size_of("three")));
        const auto second = co_await one(client, "LIST 2");
        CHECK(second == "+OK 2 " + size_of("three"));
        const auto message = co_await many(client, "RETR 2");
        std::string text;
        for (std::size_t n = 1; n + 1 < message.size(); ++n) text += message[n] + "\r\n";
        CHECK(text == letter("three"));
        const auto deleted = co_await one(client, "DELE 2");
        CHECK(deleted.starts_with("+OK"));
        for (const auto* command : {"RETR 2", "DELE 2", "LIST 2", "UIDL 2", "TOP 2 1", "RETR 4"}) {
          const auto gone = co_await one(client, command);
          CHECK(gone.starts_with("-ERR"));
        }
        const auto left = co_await many(client, "LIST");
        CHECK(left.size() == 4);
        const auto stat_left = co_await one(client, "STAT");
        CHECK(stat_left.starts_with("+OK 2 "));
        co_await one(client, "RSET");
        const auto again = co_await many(client, "LIST");
        CHECK(again.size() == 5);
        co_await one(client, "DELE 1");
        co_await one(client, "DELE 3");
        const auto before = co_await inbox(here);
        CHECK(before.messages == 3);
        const auto bye = co_await one(client, "QUIT");
        CHECK(bye.starts_with("+OK"));
        const auto end = co_await client.line();
        CHECK(end == "(closed)");
        const auto after = co_await inbox(here);
        CHECK(after.messages == 1);
        CHECK(after.unseen == 0);  // it was read
      },
      capacity);
}

TEST_CASE("without QUIT nothing is deleted", "[pop3]") {
  Pop3Server server;
  server.run([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    co_await log_in(client);
    co_await one(client, "DELE 1");
    client.close();
    const auto status = co_await inbox(here);
    CHECK(status.messages == 1);
    CHECK(status.unseen == 1);
  });
}

TEST_CASE("unique ids stay, and the top of a message is not a reading of it", "[pop3]") {
  Pop3Server server;
  static std::string first;
  for (const bool again : {false, true}) {
    static bool second_time;
    second_time = again;
    server.run([](Client& client, Server& here) -> async::Task<void> {
      co_await here.deliver(letter(second_time ? "later" : "first"));
      co_await log_in(client);
      const auto ids = co_await many(client, "UIDL");
      REQUIRE(ids.size() == (second_time ? 4 : 3));
      if (second_time) CHECK(ids[1] == first);
      if (second_time) CHECK(ids[2].substr(2) != first.substr(2));
      first = ids[1];
      const auto single = co_await one(client, "UIDL 1");
      CHECK(single == "+OK " + first);
      const auto top = co_await many(client, "TOP 1 0");
      CHECK(top.back() == ".");
      CHECK(top[top.size() - 2].empty());
      CHECK_FALSE(has(top, "Text of first."));
      const auto bye = co_await one(client, "QUIT");
      const auto status = co_await inbox(here);
      CHECK(status.unseen == status.messages);
    });
  }
}

TEST_CASE("dots at the beginning of lines come double", "[pop3]") {
  Pop3Server server;
  server.run([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver("A: b\r\n\r\n.\r\n..x\r\nend");
    co_await log_in(client);
    co_await client.send("RETR 1\r\nNOOP\r\n");
    const auto lines = co_await many(client, "NOOP");
    CHECK(lines == std::vector<std::string>{"+OK Here it is", "A: b", "", "..", "...x", "end", "."});
    for (int n = 0; n < 2; ++n) {
      const auto noop = co_await client.line();
      CHECK(noop.starts_with("+OK"));
    }
  });
}

TEST_CASE("a maildrop is open in one session of POP3 at a time", "[pop3]") {
  Pop3Server server;
  server.run([](Client& client, Server& here) -> async::Task<void> {
    co_await log_in(client);
    auto other = here.second();
    co_await other.line();
    co_await other.send("USER ann@a.test\r\nPASS secret\r\n");
    co_await other.line();
    const auto refused = co_await other.line();
    CHECK(refused.starts_with("-ERR [IN-USE]"));
    CHECK(here.sessions["ann@a.test"] == 1);
    co_await one(client, "QUIT");
    const auto end = co_await client.line();
    CHECK(end == "(closed)");
    co_await other.send("USER ann@a.test\r\nPASS secret\r\n");
    co_await other.line();
    const auto taken = co_await other.line();
    CHECK(taken.starts_with("+OK"));
  });
}

TEST_CASE("who is not logged in sees nothing", "[pop3]") {
  Pop3Server server;
  server.run([](Client& client, Server&) -> async::Task<void> {
    const auto greeting = co_await client.line();
    CHECK(greeting == "+OK imap.test ready");
    for (const auto* command : {"STAT", "LIST", "RETR 1", "UIDL", "RSET", "NOOP", "PASS secret"}) {
      const auto early = co_await one(client, command);
      CHECK(early.starts_with("-ERR"));
    }
    co_await one(client, "USER ann@a.test");
    const auto wrong = co_await one(client, "PASS wrong");
    CHECK(wrong.starts_with("-ERR [AUTH]"));
    co_await one(client, "USER nobody-can-tell@a.test");
    const auto later = co_await one(client, "PASS x");
    CHECK(later.starts_with("-ERR [SYS/TEMP]"));
    const auto again = co_await one(client, "PASS secret");
    CHECK(again.starts_with("-ERR"));  // RFC 1939 section 7: only directly after USER
    const auto unknown = co_await one(client, "APOP ann 0123");
    CHECK(unknown.starts_with("-ERR"));
    // "\0ann@a.test\0secret"
    const auto in = co_await one(client, "AUTH PLAIN AGFubkBhLnRlc3QAc2VjcmV0");
    CHECK(in.starts_with("+OK"));
    for (const auto* command : {"USER x", "PASS x", "AUTH PLAIN", "STLS", "UTF8"}) {
      const auto late = co_await one(client, command);
      CHECK(late.starts_with("-ERR"));
    }
    const auto bye = co_await one(client, "QUIT");
    CHECK(bye.starts_with("+OK"));
  });
}

TEST_CASE("AUTH in several lines (RFC 5034)", "[pop3]") {
  Pop3Server server;
  server.run([](Client& client, Server&) -> async::Task<void> {
    co_await client.line();
    const auto ask = co_await one(client, "AUTH LOGIN");
    CHECK(ask == "+ VXNlcm5hbWU6");
    const auto cancelled = co_await one(client, "*");
    CHECK(cancelled.starts_with("-ERR"));
    const auto unknown = co_await one(client, "AUTH KERBEROS_V4");
    CHECK(unknown.starts_with("-ERR"));
    co_await one(client, "AUTH PLAIN");
    const auto garbage = co_await one(client, "!");
    CHECK(garbage.starts_with("-ERR"));
    const auto empty = co_await one(client, "AUTH PLAIN =");
    CHECK(empty.starts_with("-ERR"));
    const auto challenge = co_await one(client, "AUTH PLAIN");
    CHECK(challenge == "+ ");
    const auto in = co_await one(client, "AGFubkBhLnRlc3QAc2VjcmV0");
    CHECK(in.starts_with("+OK"));
  });
}

TEST_CASE("passwords wait for STLS", "[pop3]") {
  quartet::test::Certificates certificates;
  certificates.issue("imap", "DNS:imap.test");
  Pop3Server server;
  server.options.login_in_clear = false;
  auto context = tls::ServerContext::load({certificates.certificate("imap"), certificates.key("imap"), {}, false});
  REQUIRE(context.has_value());
  server.options.tls = *context;
  server.run([](Client& client, Server&) -> async::Task<void> {
    co_await client.line();
    const auto offered = co_await many(client, "CAPA");
    CHECK(has(offered, "STLS"));
    CHECK(has(offered, "PIPELINING"));
    for (const auto& line : offered) CHECK_FALSE((line.starts_with("SASL") || line == "USER"));
    for (const auto* command : {"USER ann@a.test", "PASS secret", "AUTH PLAIN AGFubkBhLnRlc3QAc2VjcmV0"}) {
      const auto refused = co_await one(client, command);
      CHECK(refused.starts_with("-ERR"));
    }
    const auto begin = co_await one(client, "STLS");
    CHECK(begin.starts_with("+OK"));
    auto trusting = tls::ClientContext::make({false, {}, {}, {}});
    REQUIRE(trusting.has_value());
    auto secured = co_await tls::connect(client.take_stream(), *trusting, "imap.test", soon());
    REQUIRE(secured.has_value());
    client.put_stream(*std::move(secured));
    const auto now = co_await many(client, "CAPA");
    CHECK(has(now, "SASL PLAIN LOGIN"));
    CHECK(has(now, "USER"));
    const auto again = co_await one(client, "STLS");
    CHECK(again.starts_with("-ERR"));
    co_await one(client, "USER ann@a.test");
    const auto in = co_await one(client, "PASS secret");
    CHECK(in.starts_with("+OK"));
  });
  server.run([](Client& client, Server&) -> async::Task<void> {
    co_await client.line();
    co_await client.send("STLS\r\nUSER ann@a.test\r\n");
    const auto refused = co_await client.line();
    CHECK(refused.starts_with("-ERR"));
    const auto end = co_await client.line();
    CHECK(end == "(closed)");
  });
}

TEST_CASE("a session of nonsense ends", "[pop3]") {
  Pop3Server server;
  server.run([](Client& client, Server&) -> async::Task<void> {
    co_await client.line();
    std::string all;
    for (int n = 0; n < 12; ++n) all += "HELLO\r\n";
    co_await client.send(all);
    for (int n = 0; n < 10; ++n) {
      const auto bad = co_await client.line();
      CHECK(bad.starts_with("-ERR"));
    }
    const auto end = co_await client.line();
    CHECK(end == "(closed)");
  });
  server.run([](Client& client, Server&) -> async::Task<void> {
    co_await client.line();
    const auto long_line = co_await one(client, "USER " + std::string(20'000, 'a'));
    CHECK(long_line.starts_with("-ERR"));
    const auto bare = co_await one(client, "CAPA\nQUIT");
    CHECK(bare.starts_with("-ERR"));
  });
}

TEST_CASE("an operator ends a session of POP3, and nothing is deleted", "[pop3]") {
  Pop3Server server;
  net::Sessions sessions;
  server.list = &sessions;
  static net::Sessions* all;
  all = &sessions;
  server.run([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    co_await log_in(client);
    co_await one(client, "DELE 1");
    const auto listed = all->list();
    REQUIRE(listed.size() == 1);
    CHECK(all->end(listed[0].id));
    const auto told = co_await client.line();
    CHECK(told.starts_with("-ERR [SYS/TEMP]"));
    const auto end = co_await client.line();
    CHECK(end == "(closed)");
    const auto status = co_await inbox(here);
    CHECK(status.messages == 1);
  });
}
