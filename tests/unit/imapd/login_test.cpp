// Who gets in: RFC 3501 sections 6.1, 6.2 and 11; RFC 4959 (SASL-IR); STARTTLS and what must not come with it.
#include "common/net/deflate_stream.h"
#include "common/tls/client_context.h"
#include "common/tls/stream.h"
#include "tests/support/certificates.h"
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

std::shared_ptr<const tls::ServerContext> server_context(quartet::test::Certificates& certificates) {
  certificates.issue("imap", "DNS:imap.test");
  auto context = tls::ServerContext::load({certificates.certificate("imap"), certificates.key("imap"), {}, false});
  if (!context) FAIL(context.error());
  return *std::move(context);
}

}  // namespace

TEST_CASE("LOGIN takes the right password only", "[imapd]") {
  Server server;
  server.run([](Client& client, Server& here) -> async::Task<void> {
    const auto greeting = co_await client.line();
    CHECK(greeting.starts_with("* OK [CAPABILITY IMAP4rev1 "));
    CHECK(greeting.contains("AUTH=PLAIN"));
    CHECK_FALSE(greeting.contains("LOGINDISABLED"));
    const auto wrong = co_await client.say("LOGIN ann@a.test \"not this\"");
    CHECK(wrong.back().starts_with("NO [AUTHENTICATIONFAILED]"));
    const auto unknown = co_await client.say("LOGIN nobody-can-tell@a.test x");
    CHECK(unknown.back().starts_with("NO [UNAVAILABLE]"));
    const auto early = co_await client.say("SELECT INBOX");
    CHECK(early.back().starts_with("BAD "));
    const auto right = co_await client.say("LOGIN {10+}\r\nann@a.test \"secret\"");
    CHECK(right.back().starts_with("OK [CAPABILITY "));
    CHECK(right.back().contains("UIDPLUS"));
    CHECK(here.sessions["ann@a.test"] == 1);
    const auto again = co_await client.say("LOGIN ann@a.test secret");
    CHECK(again.back().starts_with("BAD "));
    const auto out = co_await client.say("LOGOUT");
    CHECK(out.front().starts_with("* BYE "));
    CHECK(out.back().starts_with("OK "));
    const auto end = co_await client.line();
    CHECK(end == "(closed)");
  });
}

TEST_CASE("AUTHENTICATE PLAIN, with and without initial response", "[imapd]") {
  Server server;
  const auto capacity = GENERATE(std::size_t{65536}, std::size_t{1});
  server.run(
      [](Client& client, Server&) -> async::Task<void> {
        co_await client.line();
        co_await client.send("a AUTHENTICATE PLAIN\r\n");
        const auto challenge = co_await client.line();
        CHECK(challenge == "+ ");
        co_await client.send("*\r\n");
        const auto cancelled = co_await client.line();
        CHECK(cancelled.starts_with("a BAD "));
        co_await client.send("b AUTHENTICATE PLAIN !\r\n");
        const auto garbage = co_await client.line();
        CHECK(garbage.starts_with("b BAD "));
        const auto unknown = co_await client.say("AUTHENTICATE KERBEROS_V9");
        CHECK(unknown.back().starts_with("NO "));
        // "\0ann@a.test\0secret"
        const auto in = co_await client.say("AUTHENTICATE PLAIN AGFubkBhLnRlc3QAc2VjcmV0");
        CHECK(in.back().starts_with("OK [CAPABILITY "));
      },
      capacity);
}

TEST_CASE("an account has so many sessions and no more", "[imapd]") {
  Server server;
  server.most_sessions = 1;
  server.run_in([](Client&, Server& here) -> async::Task<void> {
    auto other = here.second();
    co_await other.line();
    const auto refused = co_await other.say("LOGIN ann@a.test secret");
    CHECK(refused.back().starts_with("NO [LIMIT]"));
  });
}

TEST_CASE("who counts connections is told of a login, once", "[imapd]") {
  Server server;
  int logged_in = 0;
  server.options.on_logged_in = [&logged_in] { ++logged_in; };
  server.run([](Client& client, Server&) -> async::Task<void> {
    co_await client.line();
    co_await client.say("LOGIN ann@a.test wrong");
  });
  CHECK(logged_in == 0);
  server.run_in([](Client& client, Server&) -> async::Task<void> { co_await client.say("NOOP"); });
  CHECK(logged_in == 1);
}

TEST_CASE("passwords are not taken in clear", "[imapd]") {
  Server server;
  server.options.login_in_clear = false;
  server.run([](Client& client, Server&) -> async::Task<void> {
    const auto greeting = co_await client.line();
    CHECK(greeting.contains("LOGINDISABLED"));
    CHECK_FALSE(greeting.contains("AUTH="));
    CHECK_FALSE(greeting.contains("STARTTLS"));
    const auto login = co_await client.say("LOGIN ann@a.test secret");
    CHECK(login.back().starts_with("NO [PRIVACYREQUIRED]"));
    const auto plain = co_await client.say("AUTHENTICATE PLAIN AGFubkBhLnRlc3QAc2VjcmV0");
    CHECK(plain.back().starts_with("NO [PRIVACYREQUIRED]"));
    const auto tls = co_await client.say("STARTTLS");
    CHECK(tls.back().starts_with("BAD "));
  });
}

TEST_CASE("STARTTLS opens the way for passwords", "[imapd]") {
  quartet::test::Certificates certificates;
  Server server;
  server.options.login_in_clear = false;
  server.options.tls = server_context(certificates);
  server.run([](Client& client, Server&) -> async::Task<void> {
    const auto greeting = co_await client.line();
    CHECK(greeting.contains("STARTTLS"));
    const auto begin = co_await client.say("STARTTLS");
    CHECK(begin.back().starts_with("OK "));
    auto context = tls::ClientContext::make({false, {}, {}, {}});
    REQUIRE(context.has_value());
    auto secured = co_await tls::connect(client.take_stream(), *context, "imap.test", soon());
    REQUIRE(secured.has_value());
    client.put_stream(*std::move(secured));
    const auto offered = co_await client.say("CAPABILITY");
    CHECK(offered.front().contains("AUTH=PLAIN"));
    CHECK_FALSE(offered.front().contains("STARTTLS"));
    const auto again = co_await client.say("STARTTLS");
    CHECK(again.back().starts_with("BAD "));
    const auto in = co_await client.say("LOGIN ann@a.test secret");
    CHECK(in.back().starts_with("OK "));
  });
}

TEST_CASE("what comes in clear behind STARTTLS ends the session", "[imapd]") {
  quartet::test::Certificates certificates;
  Server server;
  server.options.tls = server_context(certificates);
  server.run([](Client& client, Server&) -> async::Task<void> {
    co_await client.line();
    co_await client.send("a STARTTLS\r\nb LOGIN ann@a.test secret\r\n");
    const auto refused = co_await client.line();
    CHECK(refused.starts_with("a BAD "));
    const auto bye = co_await client.line();
    CHECK(bye.starts_with("* BYE "));
    const auto end = co_await client.line();
    CHECK(end == "(closed)");
  });
}

TEST_CASE("ten bad commands in a row end the session", "[imapd]") {
  Server server;
  server.run([](Client& client, Server&) -> async::Task<void> {
    co_await client.line();
    std::string all;
    for (int i = 0; i < 12; ++i) all += "a FOO\r\n";
    co_await client.send(all);
    for (int i = 0; i < 10; ++i) {
      const auto bad = co_await client.line();
      CHECK(bad.starts_with("a BAD "));
    }
    const auto bye = co_await client.line();
    CHECK(bye.starts_with("* BYE "));
  });
}

TEST_CASE("UNAUTHENTICATE leads back to before the login: RFC 8437", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    co_await client.say("ENABLE IMAP4rev2");
    co_await client.say("SELECT INBOX");
    co_await client.say("STORE 1 +FLAGS (\\Deleted)");
    const auto left = co_await client.say("UNAUTHENTICATE");
    CHECK(left.back().starts_with("OK [CAPABILITY IMAP4rev1 "));
    CHECK(left.back().contains("AUTH=PLAIN"));
    CHECK(here.sessions["ann@a.test"] == 0);
    const auto outside = co_await client.say("FETCH 1 UID");
    CHECK(outside.back().starts_with("BAD "));
    const auto twice = co_await client.say("UNAUTHENTICATE");
    CHECK(twice.back().starts_with("BAD "));
    const auto back = co_await client.say("LOGIN ann@a.test secret");
    CHECK(back.back().starts_with("OK "));
    CHECK(here.sessions["ann@a.test"] == 1);
    const auto selected = co_await client.say("SELECT INBOX");
    CHECK(has(selected, "* 1 EXISTS"));
    CHECK(has(selected, "* 0 RECENT"));  // nothing is enabled, and nothing was expunged
  });
}

TEST_CASE("COMPRESS: RFC 4978", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    const auto unknown = co_await client.say("COMPRESS LZW");
    CHECK(unknown.back().starts_with("NO "));
    const auto begun = co_await client.say("COMPRESS DEFLATE");
    CHECK(begun.back().starts_with("OK "));
    client.put_stream(net::deflate(client.take_stream()));
    const auto listed = co_await client.say("CAPABILITY");
    CHECK(listed.front().contains("UIDPLUS"));
    CHECK_FALSE(listed.front().contains("COMPRESS"));
    const auto twice = co_await client.say("COMPRESS DEFLATE");
    CHECK(twice.back().starts_with("NO [COMPRESSIONACTIVE]"));
    co_await client.trickle("y NOOP\r\n");
    const auto alone = co_await client.until("y");
    CHECK(alone.back().starts_with("y OK "));
    const auto out = co_await client.say("LOGOUT");
    CHECK(out.back().starts_with("OK "));
  });
}

TEST_CASE("what is pipelined behind COMPRESS is not taken for compressed", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    co_await client.send("x COMPRESS DEFLATE\r\ny NOOP\r\n");
    const auto lines = co_await client.until("x");
    CHECK(lines.back().starts_with("x BAD "));
    const auto end = co_await client.line();
    CHECK(end.starts_with("* BYE "));
  });
}

TEST_CASE("a mechanism that needs TLS is not missing for good (RFC 5530 section 3)", "[imapd]") {
  Server server;
  server.services.mechanisms = [] { return std::vector<std::string>{"SCRAM-SHA-256-PLUS", "OAUTHBEARER", "PLAIN"}; };
  server.run([](Client& client, Server&) -> async::Task<void> {
    co_await client.line();
    for (const auto* const later : {"SCRAM-SHA-256-PLUS", "OAUTHBEARER"}) {
      const auto refused = co_await client.say(std::string("AUTHENTICATE ") + later);
      CHECK(refused.back().starts_with("NO [PRIVACYREQUIRED] "));
    }
    const auto never = co_await client.say("AUTHENTICATE GSSAPI");
    CHECK(never.back().starts_with("NO [CANNOT] "));
  });
}
