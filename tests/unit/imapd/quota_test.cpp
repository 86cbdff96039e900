// Quota roots: of the account, and of mailboxes that have a quota of their own (RFC 9208).
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

async::Task<void> limit(Server& server, std::string mailbox, store::QuotaLimit limit) {
  const auto found = co_await server.store().find("ann@a.test", std::move(mailbox));
  REQUIRE(found.has_value());
  const auto done = co_await server.store().set_quota(found->ref, limit);
  REQUIRE(done.has_value());
}

}  // namespace

TEST_CASE("a mailbox without a quota of its own is under that of the account", "[imapd]") {
  Server server;
  server.quota = {.bytes = 10'240, .messages = 0};
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await server.deliver(letter("one"));
    const auto told = co_await client.say("GETQUOTAROOT INBOX");
    CHECK(has(told, "* QUOTAROOT INBOX \"\""));
    CHECK(has(told, "* QUOTA \"\" (STORAGE 1 10)"));
    CHECK(told.size() == 3);
    CHECK((co_await client.say("GETQUOTA INBOX")).back().starts_with("NO [NONEXISTENT]"));
  });
}

TEST_CASE("the roots of a mailbox that is to be made: RFC 9208 section 4.1.2", "[imapd]") {
  Server server;
  server.quota = {.bytes = 10'240, .messages = 0};
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    co_await client.say("CREATE a/b");
    for (const auto* const name : {"Later", "a/c"}) {
      const auto told = co_await client.say("GETQUOTAROOT " + std::string(name));
      CHECK(has(told, "* QUOTAROOT " + std::string(name) + " \"\""));
      CHECK(has(told, "* QUOTA \"\" (STORAGE 0 10)"));
      CHECK(told.back().starts_with("OK "));
    }
    const auto wrong = co_await client.say("GETQUOTAROOT a//b");
    CHECK(wrong.back().starts_with("NO [CANNOT]"));
  });
}

TEST_CASE("a mailbox with a quota of its own has two roots", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await client.say("CREATE \"Entw&APw-rfe\"");
    co_await limit(server, "Entw\u00FCrfe", {2048, 1});
    co_await client.say("APPEND \"Entw&APw-rfe\" {4+}\r\nmail");
    auto told = co_await client.say("GETQUOTAROOT \"Entw&APw-rfe\"");
    CHECK(has(told, "* QUOTAROOT Entw&APw-rfe \"\" Entw&APw-rfe"));
    CHECK(has(told, "* QUOTA \"\" ()"));
    CHECK(has(told, "* QUOTA Entw&APw-rfe (STORAGE 1 2 MESSAGE 1 1)"));
    told = co_await client.say("GETQUOTA Entw&APw-rfe");
    CHECK(has(told, "* QUOTA Entw&APw-rfe (STORAGE 1 2 MESSAGE 1 1)"));
    told = co_await client.say("APPEND \"Entw&APw-rfe\" {4+}\r\nmore");
    CHECK(told.back().starts_with("NO [OVERQUOTA]"));
    co_await limit(server, "Entw\u00FCrfe", {});
    told = co_await client.say("GETQUOTA Entw&APw-rfe");
    CHECK(told.back().starts_with("NO [NONEXISTENT]"));
  });
}

TEST_CASE("the root of one's own mailbox has the same name by whatever name one asks", "[imapd]") {
  Server server;
  auto namespaces = std::make_shared<store::Namespaces>();
  namespaces->other_users = "Other Users";
  namespaces->login_of = [](std::string_view name) { return std::string(name); };
  server.services.namespaces = [namespaces] { return namespaces; };
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await client.say("CREATE a");
    co_await limit(server, "a", {0, 3});
    const auto told = co_await client.say("GETQUOTAROOT \"Other Users/ann@a.test/a\"");
    CHECK(has(told, "* QUOTAROOT \"Other Users/ann@a.test/a\" \"\" a"));
    CHECK(has(told, "* QUOTA a (MESSAGE 0 3)"));
  });
}
