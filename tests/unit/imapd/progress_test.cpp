// INPROGRESS: RFC 9585.
#include <algorithm>

#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

/// Messages that are read for a SEARCH in three batches.
async::Task<void> fill(Client& client, Server& server) {
  for (int n = 0; n < 3; ++n) co_await server.deliver("Subject: long\r\n\r\n" + std::string(4'500'000, 'x') + "\r\n");
  co_await client.say("SELECT INBOX");
}

bool tells(const std::vector<std::string>& lines, std::string_view start) {
  return std::ranges::any_of(lines, [start](const std::string& line) { return line.starts_with(start); });
}

async::Task<void> note(Client& client, std::string command, std::string& order, char name) {
  co_await client.say(std::move(command));
  order += name;
}

}  // namespace

TEST_CASE("a client hears how far its command is", "[imapd]") {
  Server server;
  server.options.progress_interval = std::chrono::milliseconds(0);
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await fill(client, server);
    auto done = co_await client.say("CAPABILITY");
    CHECK(done[0].contains(" INPROGRESS "));
    done = co_await client.say("SEARCH BODY y");
    CHECK(tells(done, "* OK [INPROGRESS (\"x\" 1 3)] "));
    CHECK_FALSE(tells(done, "* OK [INPROGRESS (\"x\" 3 3)] "));
    CHECK(has(done, "* SEARCH"));
    done = co_await client.say("COPY 1:* Drafts");
    CHECK(tells(done, "* OK [INPROGRESS (\"x\" NIL NIL)] "));
    CHECK(done.back().starts_with("OK [COPYUID "));
    co_await client.send("a] SEARCH BODY y\r\n");
    done = co_await client.until("a]");
    CHECK(tells(done, "* OK [INPROGRESS (NIL 1 3)] "));
    done = co_await client.say("ESEARCH IN (mailboxes Drafts) BODY y");
    CHECK(tells(done, "* OK [INPROGRESS (\"x\" 1 3)] "));
    done = co_await client.say("ESEARCH IN (mailboxes (Drafts INBOX)) BODY y");
    CHECK(tells(done, "* OK [INPROGRESS (\"x\" 1 2)] "));
    CHECK_FALSE(tells(done, "* OK [INPROGRESS (\"x\" 1 3)] "));
    done = co_await client.say("FETCH 1:* BODY[]");
    CHECK_FALSE(tells(done, "* OK [INPROGRESS "));
  });
}

TEST_CASE("what is done at once needs no word on how far it is", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await fill(client, server);
    const auto done = co_await client.say("SEARCH BODY y");
    CHECK(done.size() == 2);
  });
}

TEST_CASE("a search for many things lets others have their turn", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await server.deliver(letter("one"));
    co_await client.say("SELECT INBOX");
    for (int n = 0; n < 12; ++n) co_await client.say("COPY 1:* INBOX");  // then there are 4096
    std::string search = "SEARCH RETURN (COUNT)";
    for (int n = 0; n < 500; ++n) search += " NOT KEYWORD nothing";
    auto other = co_await server.second_logged_in();
    std::string order;
    async::TaskGroup group;
    group.spawn(note(client, search, order, 's'));
    group.spawn(note(other, "NOOP", order, 'n'));
    co_await group.join();
    CHECK(order == "ns");
  });
}
