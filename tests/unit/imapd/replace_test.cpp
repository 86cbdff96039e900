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
    server.quota = {0, 1};
    done = co_await client.say("REPLACE 1 INBOX {1+}\r\nx");
    CHECK(done.back().starts_with("NO [OVERQUOTA]"));
    done = co_await client.say("STATUS INBOX (MESSAGES DELETED)");
    CHECK(has(done, "* STATUS INBOX (MESSAGES 1 DELETED 0)"));
    co_await client.say("EXAMINE INBOX");
    done = co_await client.say("REPLACE 1 INBOX {1+}\r\nx");
    CHECK(done.back().starts_with("NO [CANNOT]"));
  });
}
