// REPLACE: RFC 8508.
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

TEST_CASE("a message takes the place of another", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    static constexpr const char* kSubjects[] = {"one", "two", "three"};
    for (const auto* subject : kSubjects) co_await server.deliver(letter(subject));
    co_await client.say("SELECT INBOX");
    auto done = co_await client.say("REPLACE 2 INBOX (\\Draft) {4+}\r\nnew!");
    CHECK(done[0].starts_with("* OK [APPENDUID "));
    CHECK(done[0].contains(" 4] "));
    CHECK(has(done, "* 2 EXPUNGE"));
    CHECK(has(done, "* 3 EXISTS"));
    CHECK(done.back().starts_with("OK "));
    done = co_await client.say("UID FETCH 4 (FLAGS BODY.PEEK[])");
    CHECK(has(done, "* 3 FETCH (UID 4 BODY[] {4}\r\nnew! FLAGS (\\Draft \\Recent))"));
    done = co_await client.say("UID REPLACE 3 Drafts {1+}\r\nx");
    CHECK(has(done, "* 2 EXPUNGE"));
    done = co_await client.say("STATUS Drafts (MESSAGES)");
    CHECK(has(done, "* STATUS Drafts (MESSAGES 1)"));
  });
}

TEST_CASE("a REPLACE that cannot be leaves everything as it was", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    auto early = co_await client.say("REPLACE 1 INBOX {1+}\r\nx");
    CHECK(early.back().starts_with("BAD "));
    co_await server.deliver(letter("one"));
    co_await client.say("SELECT INBOX");
    auto done = co_await client.say("REPLACE 2 INBOX {1+}\r\nx");
    CHECK(done.back().starts_with("BAD "));
    done = co_await client.say("UID REPLACE 2 INBOX {1+}\r\nx");
    CHECK(done.back().starts_with("NO "));
    done = co_await client.say("REPLACE 1 Nowhere {1+}\r\nx");
    CHECK(done.back().starts_with("NO [TRYCREATE]"));
    server.quota = {letter("one").size(), 1};
    const auto larger = letter("one") + "x";
    for (const auto* const plus : {"+", ""}) {
      co_await client.send("y REPLACE 1 INBOX {" + std::to_string(larger.size()) + plus + "}\r\n");
      if (*plus == '\0') {
        const auto go_on = co_await client.line();
        CHECK(go_on.starts_with("+ "));
      }
      co_await client.send(larger + "\r\n");
      const auto refused = co_await client.until("y");
      CHECK(refused.back().starts_with("y NO [OVERQUOTA]"));
    }
    done = co_await client.say("STATUS INBOX (MESSAGES DELETED)");
    CHECK(has(done, "* STATUS INBOX (MESSAGES 1 DELETED 0)"));
    co_await client.say("EXAMINE INBOX");
    done = co_await client.say("REPLACE 1 INBOX {1+}\r\nx");
    CHECK(done.back().starts_with("NO [CANNOT]"));
  });
}

TEST_CASE("a REPLACE needs room for what is more, and nobody sees it halfway", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    for (const auto* subject : {"one", "two"}) co_await server.deliver(letter(subject));
    server.quota = {2 * letter("one").size(), 2};
    co_await client.say("SELECT INBOX");
    auto other = server.second();
    co_await other.line();
    co_await other.say("LOGIN ann@a.test secret");
    co_await other.say("SELECT INBOX");
    auto done = co_await client.say("REPLACE 1 INBOX {4+}\r\nnew!");
    CHECK(done.back().starts_with("OK "));
    const auto seen = co_await other.say("NOOP");
    CHECK(seen == std::vector<std::string>{"* 1 EXPUNGE", "* 2 EXISTS", "* 0 RECENT", "OK Done"});
    done = co_await client.say("REPLACE 2 Sent {4+}\r\nsent");
    CHECK(done.back().starts_with("OK "));
    // What is too much already may become less.
    server.quota = {1, 1};
    done = co_await client.say("REPLACE 1 INBOX {3+}\r\nnew");
    CHECK(done.back().starts_with("OK "));
    co_await other.say("NOOP");
    co_await other.say("STORE 1 +FLAGS (\\Deleted)");
    co_await other.say("EXPUNGE");
    done = co_await client.say("REPLACE 1 INBOX {1+}\r\nn");
    CHECK(done.back().starts_with("NO [EXPUNGEISSUED]"));
    done = co_await client.say("STATUS INBOX (MESSAGES)");
    CHECK(has(done, "* STATUS INBOX (MESSAGES 0)"));
    co_await other.say("LOGOUT");
  });
}
