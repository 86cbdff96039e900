// OBJECTID (RFC 8474) and SAVEDATE (RFC 8514).
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

/// What stands between `begin` and `end` in the first line that has both; "" if none has.
std::string between(const std::vector<std::string>& lines, const std::string& begin, const std::string& end) {
  for (const auto& line : lines) {
    const auto from = line.find(begin);
    if (from == std::string::npos) continue;
    const auto to = line.find(end, from + begin.size());
    if (to != std::string::npos) return line.substr(from + begin.size(), to - from - begin.size());
  }
  return {};
}

}  // namespace

TEST_CASE("a mailbox keeps its identifier when it is renamed", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    const auto made = co_await client.say("CREATE a");
    const auto id = between(made, "OK [MAILBOXID (", ")]");
    CHECK(id.size() == 26);
    co_await client.say("RENAME a b");
    const auto selected = co_await client.say("SELECT b");
    CHECK(between(selected, "* OK [MAILBOXID (", ")]") == id);
    const auto status = co_await client.say("STATUS b (MAILBOXID)");
    CHECK(has(status, "* STATUS b (MAILBOXID (" + id + "))"));
    co_await client.say("DELETE b");
    const auto again = co_await client.say("CREATE b");
    CHECK(between(again, "OK [MAILBOXID (", ")]") != id);
  });
}

TEST_CASE("copies of a message have its identifier", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    co_await here.deliver(letter("two"));
    co_await client.say("SELECT INBOX");
    const auto both = co_await client.say("FETCH 1:2 (EMAILID THREADID)");
    const auto id = between(both, "* 1 FETCH (EMAILID (", ") THREADID NIL)");
    const auto other = between(both, "* 2 FETCH (EMAILID (", ") THREADID NIL)");
    CHECK(id.size() == 26);
    CHECK(other.size() == 26);
    CHECK(other != id);
    co_await client.say("COPY 1 INBOX");
    const auto found = co_await client.say("SEARCH EMAILID " + id);
    CHECK(has(found, "* SEARCH 1 3"));
    const auto not_found = co_await client.say("SEARCH NOT EMAILID " + id);
    CHECK(has(not_found, "* SEARCH 2"));
    const auto with_text = co_await client.say("SEARCH EMAILID " + other + " SUBJECT two TEXT two");
    CHECK(has(with_text, "* SEARCH 2"));
    const auto threads = co_await client.say("SEARCH THREADID T1");
    CHECK(has(threads, "* SEARCH"));
  });
}

TEST_CASE("when a message came into the mailbox", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    co_await client.say("APPEND INBOX \"24-Nov-2001 13:05:09 +0000\" {2+}\r\n\r\n");
    co_await client.say("SELECT INBOX");
    const auto dates = co_await client.say("FETCH 1 (INTERNALDATE SAVEDATE)");
    CHECK(between(dates, "INTERNALDATE \"", "\"").starts_with("24-Nov-2001"));
    const auto saved = between(dates, "SAVEDATE \"", " ");
    const auto on = co_await client.say("SEARCH SAVEDON " + saved + " SAVEDSINCE " + saved);
    CHECK(has(on, "* SEARCH 1"));
    const auto before = co_await client.say("SEARCH OR SAVEDBEFORE " + saved + " SAVEDON 24-Nov-2001");
    CHECK(has(before, "* SEARCH"));
    const auto supported = co_await client.say("SEARCH SAVEDATESUPPORTED");
    CHECK(has(supported, "* SEARCH 1"));
  });
}
