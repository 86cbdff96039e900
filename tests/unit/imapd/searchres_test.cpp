// What "$" stands for: RFC 5182.
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

/// Selects INBOX with three messages, and saves a search for the second.
async::Task<void> save_second(Client& client, Server& here) {
  for (const auto* subject : {"one", "two", "three"}) co_await here.deliver(letter(subject));
  co_await client.say("SELECT INBOX");
  const auto saved = co_await client.say("SEARCH RETURN (SAVE) SUBJECT two");
  CHECK(saved.size() == 1);
}

}  // namespace

TEST_CASE("a search that is answered NO leaves nothing in $", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await save_second(client, here);
    std::string deep = "ALL";
    for (int n = 0; n < 100; ++n) deep = "NOT " + deep;
    const std::string failing[] = {"SEARCH RETURN (SAVE) CHARSET x-none ALL", "UID SEARCH RETURN (SAVE) FILTER none",
                                   "SORT RETURN (SAVE) (ARRIVAL) x-none ALL", "ESEARCH RETURN (SAVE) FILTER none",
                                   "SEARCH RETURN (SAVE) " + deep};
    for (const auto& command : failing) {
      INFO(command);
      co_await client.say("SEARCH RETURN (SAVE) SUBJECT two");
      const auto refused = co_await client.say(command);
      CHECK(refused.back().starts_with("NO "));
      const auto found = co_await client.say("SEARCH $");
      CHECK(has(found, "* SEARCH"));
    }
  });
}

TEST_CASE("a search that is answered BAD, or saves nothing, leaves $ as it is", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await save_second(client, here);
    for (const auto* const command :
         {"SEARCH RETURN (SAVE) SUBJECT", "SEARCH RETURN (SAVE RELEVANCY) ALL",
          "SORT RETURN (SAVE) (RELEVANCY) UTF-8 1", "ESEARCH IN (personal) RETURN (SAVE) ALL",
          "SEARCH CHARSET x-none ALL", "SEARCH RETURN (ALL) FILTER none", "FETCH 1 (NONE)"}) {
      INFO(command);
      const auto refused = co_await client.say(command);
      CHECK_FALSE(refused.back().starts_with("OK "));
      const auto found = co_await client.say("SEARCH $");
      CHECK(has(found, "* SEARCH 2"));
    }
  });
}
