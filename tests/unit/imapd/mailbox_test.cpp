// The mailbox commands: RFC 3501 sections 6.3.1 to 6.3.10, RFC 2342 (NAMESPACE), RFC 6154 (special use).
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

TEST_CASE("a new account has the usual mailboxes with their use", "[imapd]") {
  Server server;
  const auto capacity = GENERATE(std::size_t{65536}, std::size_t{1});
  server.run_in(
      [](Client& client, Server&) -> async::Task<void> {
        const auto all = co_await client.say("LIST \"\" *");
        CHECK(all.size() == 7);
        CHECK(has(all, R"(* LIST (\HasNoChildren \Sent) "/" Sent)"));
        CHECK(has(all, R"(* LIST (\HasNoChildren \Trash) "/" Trash)"));
        const auto root = co_await client.say("LIST \"\" \"\"");
        CHECK(has(root, R"(* LIST (\Noselect) "/" "")"));
        const auto spaces = co_await client.say("NAMESPACE");
        CHECK(has(spaces, R"(* NAMESPACE (("" "/")) NIL NIL)"));
      },
      capacity);
}

TEST_CASE("CREATE, RENAME, DELETE", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    const auto made = co_await client.say("CREATE a/b/c");
    CHECK(made.back().starts_with("OK "));
    const auto twice = co_await client.say("CREATE a/b/c");
    CHECK(twice.back().starts_with("NO [ALREADYEXISTS]"));
    const auto inbox = co_await client.say("CREATE inbox");
    CHECK(inbox.back().starts_with("NO "));
    const auto below = co_await client.say("LIST \"\" a/%");
    CHECK(has(below, R"(* LIST (\HasChildren) "/" a/b)"));
    CHECK(below.size() == 2);
    const auto moved = co_await client.say("RENAME a/b z");
    CHECK(moved.back().starts_with("OK "));
    const auto now = co_await client.say("LIST \"\" z*");
    CHECK(has(now, R"(* LIST (\HasNoChildren) "/" z/c)"));
    const auto gone = co_await client.say("DELETE z/c");
    CHECK(gone.back().starts_with("OK "));
    const auto none = co_await client.say("DELETE z/c");
    CHECK(none.back().starts_with("NO [NONEXISTENT]"));
    const auto never = co_await client.say("DELETE INBOX");
    CHECK(never.back().starts_with("NO [CANNOT]"));
    const auto utf7 = co_await client.say("CREATE Entw&APw-rfe");
    CHECK(utf7.back().starts_with("OK "));
    const auto listed = co_await client.say("LIST \"\" Entw*");
    CHECK(has(listed, R"(* LIST (\HasNoChildren) "/" Entw&APw-rfe)"));
    const auto broken = co_await client.say("CREATE Entw&APw");
    CHECK(broken.back().starts_with("NO [CANNOT]"));
  });
}

TEST_CASE("mailboxes are made for uses that they can have: RFC 6154 section 3", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    for (const auto* const use : {"\\All", "\\Flagged", "\\Nonsense", "\\Sent \\All"}) {
      INFO(use);
      const auto refused = co_await client.say("CREATE Special (USE (" + std::string(use) + "))");
      CHECK(refused.back().starts_with("NO [USEATTR]"));
    }
    const auto made = co_await client.say("CREATE Special (USE (\\SENT \\important))");
    CHECK(made.back().starts_with("OK "));
    const auto listed = co_await client.say("LIST \"\" Special");
    CHECK(has(listed, "* LIST (\\HasNoChildren \\Sent \\Important) \"/\" Special"));
  });
}

TEST_CASE("SUBSCRIBE, UNSUBSCRIBE, LSUB", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    co_await client.say("CREATE lists/c++");
    const auto before = co_await client.say("LSUB \"\" lists/*");
    CHECK(before.size() == 1);
    const auto in = co_await client.say("SUBSCRIBE lists/c++");
    CHECK(in.back().starts_with("OK "));
    const auto after = co_await client.say("LSUB \"\" lists/*");
    CHECK(has(after, R"(* LSUB (\HasNoChildren) "/" lists/c++)"));
    // The parent is not subscribed to, but has a child that is (RFC 3501 section 6.3.9).
    const auto parent = co_await client.say("LSUB \"\" %");
    CHECK(has(parent, R"(* LSUB (\Noselect) "/" lists)"));
    co_await client.say("DELETE lists/c++");
    const auto kept = co_await client.say("LSUB \"\" lists/*");
    CHECK(kept.size() == 2);
    co_await client.say("UNSUBSCRIBE lists/c++");
    const auto gone = co_await client.say("LSUB \"\" lists/*");
    CHECK(gone.size() == 1);
  });
}

TEST_CASE("SELECT tells what RFC 3501 section 6.3.1 wants", "[imapd]") {
  Server server;
  const auto capacity = GENERATE(std::size_t{65536}, std::size_t{1});
  server.run_in(
      [](Client& client, Server& here) -> async::Task<void> {
        co_await here.deliver(letter("one"));
        co_await here.deliver(letter("two"));
        const auto examined = co_await client.say("EXAMINE INBOX");
        CHECK(has(examined, "* 2 EXISTS"));
        CHECK(has(examined, "* 2 RECENT"));
        CHECK(examined.back().starts_with("OK [READ-ONLY]"));
        const auto selected = co_await client.say("SELECT inbox");
        CHECK(has(selected, "* 2 EXISTS"));
        CHECK(has(selected, "* 2 RECENT"));
        CHECK(has(selected, R"(* FLAGS (\Answered \Flagged \Deleted \Seen \Draft))"));
        int found = 0;
        for (const auto& line : selected) {
          found += line.starts_with("* OK [UNSEEN 1]") || line.starts_with("* OK [UIDVALIDITY ") ||
                   line.starts_with("* OK [UIDNEXT 3]") || line.starts_with("* OK [PERMANENTFLAGS (");
        }
        CHECK(found == 4);
        CHECK(selected.back().starts_with("OK [READ-WRITE]"));
        // A failed SELECT leaves nothing selected.
        const auto missing = co_await client.say("SELECT nowhere");
        CHECK(missing.back().starts_with("NO [NONEXISTENT]"));
        const auto lost = co_await client.say("FETCH 1 UID");
        CHECK(lost.back().starts_with("BAD "));
      },
      capacity);
}

TEST_CASE("STATUS", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    const auto status = co_await client.say("STATUS INBOX (MESSAGES RECENT UIDNEXT UNSEEN)");
    CHECK(has(status, "* STATUS INBOX (MESSAGES 1 RECENT 1 UIDNEXT 2 UNSEEN 1)"));
    const auto none = co_await client.say("STATUS nowhere (MESSAGES)");
    CHECK(none.back().starts_with("NO [NONEXISTENT]"));
    const auto bad = co_await client.say("STATUS INBOX (MASSAGES)");
    CHECK(bad.back().starts_with("BAD "));
  });
}

TEST_CASE("commands that come together are answered one after another", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    const std::string commands = "a CREATE p\r\nb SELECT p\r\nc APPEND p {3+}\r\nx\r\n\r\nd NOOP\r\nx UNSELECT\r\n";
    const auto check = [](const std::vector<std::string>& lines, std::string_view create, std::string_view exists) {
      std::string tags;
      for (const auto& line : lines) {
        if (!line.starts_with('*')) tags += line.substr(0, 4) + ";";
      }
      CHECK(tags == std::string(create) + "b OK;c OK;d OK;x OK;");
      CHECK(has(lines, exists));
    };
    co_await client.send(commands);
    const auto at_once = co_await client.until("x");
    check(at_once, "a OK;", "* 1 EXISTS");
    co_await client.trickle(commands);
    const auto bit_by_bit = co_await client.until("x");
    check(bit_by_bit, "a NO;", "* 2 EXISTS");
  });
}

TEST_CASE("STATUS tells what an EXPUNGE would set free", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await server.deliver(letter("one"));
    co_await server.deliver(letter("longer"));
    auto told = co_await client.say("STATUS INBOX (DELETED DELETED-STORAGE)");
    CHECK(has(told, "* STATUS INBOX (DELETED 0 DELETED-STORAGE 0)"));
    co_await client.say("SELECT INBOX");
    co_await client.say("STORE 2 +FLAGS (\\Deleted)");
    const auto octets = std::to_string(letter("longer").size());
    told = co_await client.say("STATUS INBOX (DELETED DELETED-STORAGE)");
    CHECK(has(told, "* STATUS INBOX (DELETED 1 DELETED-STORAGE " + octets + ")"));
    told = co_await client.say("LIST \"\" INBOX RETURN (STATUS (DELETED-STORAGE))");
    CHECK(has(told, "* STATUS INBOX (DELETED-STORAGE " + octets + ")"));
  });
}
