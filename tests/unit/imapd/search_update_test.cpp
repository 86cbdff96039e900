// Results that are kept up to date: UPDATE and CANCELUPDATE (RFC 5267 section 4.3).
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

std::string mail(const std::string& from, const std::string& subject) {
  return "From: " + from + "@x\r\nSubject: " + subject + "\r\nDate: Tue, 24 Nov 2026 13:05:09 +0000\r\n\r\nText\r\n";
}

/// Sends a command with a tag of its own and gives the lines of the answer.
async::Task<std::vector<std::string>> tagged(Client& client, std::string tag, std::string command) {
  co_await client.send(tag + " " + command + "\r\n");
  co_return co_await client.until(tag);
}

async::Task<Client> other_session(Server& here) {
  auto other = here.second();
  co_await other.line();
  co_await other.say("LOGIN ann@a.test secret");
  co_await other.say("SELECT INBOX");
  co_return other;
}

std::size_t place_of(const std::vector<std::string>& lines, std::string_view line) {
  for (std::size_t n = 0; n < lines.size(); ++n)
    if (lines[n] == line) return n;
  return lines.size();
}

}  // namespace

TEST_CASE("UPDATE tells what a SEARCH would find otherwise by now", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    for (const auto* subject : {"one", "two", "three"}) co_await here.deliver(letter(subject));
    const auto capability = co_await client.say("CAPABILITY");
    CHECK(capability[0].contains(" CONTEXT=SEARCH CONTEXT=SORT "));
    co_await client.say("SELECT INBOX");
    auto other = co_await other_session(here);
    const auto begun = co_await tagged(client, "A", "UID SEARCH RETURN (UPDATE COUNT CONTEXT) UNSEEN");
    CHECK(has(begun, R"(* ESEARCH (TAG "A") UID COUNT 3)"));
    const auto numbers = co_await tagged(client, "B", "SEARCH RETURN (UPDATE) FLAGGED");
    CHECK(has(numbers, R"(* ESEARCH (TAG "B"))"));
    co_await other.say("STORE 2:3 +FLAGS (\\Seen \\Flagged)");
    auto told = co_await client.say("NOOP");
    CHECK(has(told, R"(* ESEARCH (TAG "A") UID REMOVEFROM (0 2:3))"));
    CHECK(has(told, R"(* ESEARCH (TAG "B") ADDTO (0 2:3))"));
    CHECK(place_of(told, R"(* 3 FETCH (UID 3 FLAGS (\Flagged \Seen \Recent)))") <
          place_of(told, R"(* ESEARCH (TAG "A") UID REMOVEFROM (0 2:3))"));
    co_await here.deliver(letter("four"));
    told = co_await client.say("NOOP");
    const auto added = place_of(told, R"(* ESEARCH (TAG "A") UID ADDTO (0 4))");
    CHECK(added < told.size());
    CHECK(place_of(told, "* 4 EXISTS") < added);
    // The client's own changes as well, behind what it is told of them.
    told = co_await client.say("STORE 1 +FLAGS (\\Flagged)");
    const auto flagged = place_of(told, R"(* ESEARCH (TAG "B") ADDTO (0 1))");
    CHECK(flagged < told.size());
    CHECK(place_of(told, R"(* 1 FETCH (FLAGS (\Flagged \Recent)))") < flagged);
    co_await other.say("STORE 2 +FLAGS (\\Deleted)");
    co_await other.say("EXPUNGE");
    told = co_await client.say("NOOP");
    const auto removed = place_of(told, R"(* ESEARCH (TAG "B") REMOVEFROM (0 2))");
    CHECK(removed < place_of(told, "* 2 EXPUNGE"));
    told = co_await client.say("STORE 2 -FLAGS (\\Flagged)");
    CHECK(has(told, R"(* ESEARCH (TAG "B") REMOVEFROM (0 2))"));
    co_await other.say("LOGOUT");
  });
}

TEST_CASE("what was a number in the SEARCH stays the same message", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    for (const auto* subject : {"one", "two", "three"}) co_await here.deliver(letter(subject));
    co_await client.say("SELECT INBOX");
    co_await client.say("SEARCH RETURN (SAVE) 2");
    co_await tagged(client, "A", "UID SEARCH RETURN (UPDATE) 2:* UNFLAGGED");
    co_await tagged(client, "B", "UID SEARCH RETURN (UPDATE) UID 2:* UNFLAGGED");
    co_await tagged(client, "C", "UID SEARCH RETURN (UPDATE) UNFLAGGED $");
    co_await tagged(client, "D", "UID SEARCH RETURN (UPDATE) UID * UNFLAGGED");
    co_await client.say("SEARCH RETURN (SAVE) 1");
    co_await here.deliver(letter("four"));
    auto told = co_await client.say("NOOP");
    CHECK(has(told, R"(* ESEARCH (TAG "B") UID ADDTO (0 4))"));
    for (const auto* tag : {"A", "C", "D"})
      for (const auto& line : told) CHECK_FALSE(line.contains("(TAG \"" + std::string(tag) + "\")"));
    co_await client.say("STORE 1 +FLAGS (\\Deleted)");
    co_await client.say("EXPUNGE");
    told = co_await client.say("UID STORE 2:3 +FLAGS (\\Flagged)");
    CHECK(has(told, R"(* ESEARCH (TAG "A") UID REMOVEFROM (0 2:3))"));
    CHECK(has(told, R"(* ESEARCH (TAG "C") UID REMOVEFROM (0 2))"));
    CHECK(has(told, R"(* ESEARCH (TAG "D") UID REMOVEFROM (0 3))"));
  });
}

TEST_CASE("UPDATE of SORT tells places in the order", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    for (const auto* from : {"d", "b", "f", "h"}) co_await here.deliver(mail(from, "x"));
    co_await client.say("SELECT INBOX");
    const auto begun = co_await tagged(client, "S", "UID SORT RETURN (UPDATE ALL) (FROM) UTF-8 UNFLAGGED");
    CHECK(has(begun, R"(* ESEARCH (TAG "S") UID ALL 2,1,3:4)"));
    for (const auto* from : {"a", "c", "e", "b", "z"}) co_await here.deliver(mail(from, "x"));
    auto told = co_await client.say("NOOP");
    // a b b c d e f h z
    CHECK(has(told, R"(* ESEARCH (TAG "S") UID ADDTO (1 5 3 8,6 6 7 9 9))"));
    told = co_await client.say("UID STORE 2,8,3,9 +FLAGS (\\Flagged)");
    CHECK(has(told, R"(* ESEARCH (TAG "S") UID REMOVEFROM (2 2,8 5 3 6 9))"));
    told = co_await client.say("UID STORE 3,8 -FLAGS (\\Flagged)");
    CHECK(has(told, R"(* ESEARCH (TAG "S") UID ADDTO (2 8 6 3))"));
    co_await client.say("UID STORE 1,7 +FLAGS (\\Deleted)");
    told = co_await client.say("EXPUNGE");
    // a b c d e f h
    CHECK(has(told, R"(* ESEARCH (TAG "S") UID REMOVEFROM (4 1,7))"));
  });
}

TEST_CASE("UPDATE of SORT takes in many messages at once", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    constexpr int kMany = 20;
    for (int n = 0; n < kMany; ++n) co_await here.deliver(mail("ann", std::string(1, static_cast<char>('a' + n))));
    co_await client.say("CREATE Box");
    co_await client.say("SELECT Box");
    co_await tagged(client, "A", "UID SORT RETURN (UPDATE) (REVERSE SUBJECT) UTF-8 ALL");
    co_await tagged(client, "B", "UID SEARCH RETURN (UPDATE) ALL");
    auto other = co_await other_session(here);
    co_await other.say("COPY 1:* Box");
    auto told = co_await client.say("NOOP");
    std::string numbers = std::to_string(kMany);
    for (int n = kMany - 1; n > 0; --n) numbers += "," + std::to_string(n);
    CHECK(has(told, R"(* ESEARCH (TAG "A") UID ADDTO (1 )" + numbers + ")"));
    CHECK(has(told, R"(* ESEARCH (TAG "B") UID ADDTO (0 1:20))"));
    // The same again: each goes behind its equal.
    co_await other.say("COPY 1:* Box");
    told = co_await client.say("NOOP");
    std::string places;
    for (int n = 1; n <= kMany; ++n)
      places += (n > 1 ? " " : "") + std::to_string(2 * n) + " " + std::to_string(2 * kMany + 1 - n);
    CHECK(has(told, R"(* ESEARCH (TAG "A") UID ADDTO ()" + places + ")"));
    co_await other.say("LOGOUT");
  });
}

TEST_CASE("a SORT by relevancy is kept up to date", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(mail("a", "hello"));
    co_await here.deliver(mail("b", "hallo"));
    co_await client.say("SELECT INBOX");
    const auto begun =
        co_await tagged(client, "S", "SORT RETURN (UPDATE ALL) (RELEVANCY REVERSE FROM) UTF-8 FUZZY SUBJECT hello");
    CHECK(has(begun, R"(* ESEARCH (TAG "S") ALL 1:2)"));
    for (const auto* subject : {"helo", "other", "hello"}) co_await here.deliver(mail("c", subject));
    const auto told = co_await client.say("NOOP");
    CHECK(has(told, R"(* ESEARCH (TAG "S") ADDTO (1 5 3 3))"));
  });
}

TEST_CASE("IDLE tells as well; CANCELUPDATE and UNSELECT end it", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await client.say("SELECT INBOX");
    co_await tagged(client, "A", "SEARCH RETURN (UPDATE) ALL");
    const auto again = co_await tagged(client, "A", "SORT RETURN (UPDATE) (SIZE) UTF-8 ALL");
    CHECK(again.back().starts_with("A BAD "));
    co_await tagged(client, "B", "SEARCH RETURN (UPDATE) SUBJECT new");
    co_await client.send("x IDLE\r\n");
    co_await client.line();
    co_await here.deliver(letter("new"));
    std::vector<std::string> lines;
    while (lines.size() < 4) lines.push_back(co_await client.line());
    CHECK(lines[2] == R"(* ESEARCH (TAG "A") ADDTO (0 1))");
    CHECK(lines[3] == R"(* ESEARCH (TAG "B") ADDTO (0 1))");
    co_await client.send("DONE\r\n");
    co_await client.until("x");
    const auto unknown = co_await client.say("CANCELUPDATE \"A\" \"C\"");
    CHECK(unknown.back().starts_with("BAD "));
    co_await here.deliver(letter("new"));
    const auto one = co_await client.say("NOOP");
    CHECK(has(one, R"(* ESEARCH (TAG "B") ADDTO (0 2))"));
    for (const auto& line : one) CHECK_FALSE(line.contains("TAG \"A\""));
    co_await client.say("SELECT INBOX");
    co_await here.deliver(letter("new"));
    const auto none = co_await client.say("NOOP");
    for (const auto& line : none) CHECK_FALSE(line.contains("ESEARCH"));
    const auto gone = co_await client.say("CANCELUPDATE \"B\"");
    CHECK(gone.back().starts_with("BAD "));
  });
}

TEST_CASE("there is room for so many results", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    const auto before = co_await client.say("CANCELUPDATE \"A\"");
    CHECK(before.back().starts_with("BAD "));
    co_await client.say("SELECT INBOX");
    for (int n = 0; n < 16; ++n) {
      const auto kept = co_await tagged(client, "t" + std::to_string(n), "SEARCH RETURN (UPDATE COUNT) ALL");
      CHECK(kept.size() == 2);
    }
    const auto refused = co_await tagged(client, "t16", "SEARCH RETURN (UPDATE COUNT) ALL");
    CHECK(has(refused, R"(* ESEARCH (TAG "t16") COUNT 0)"));
    CHECK(refused[1].starts_with("* NO [NOUPDATE \"t16\"] "));
    CHECK(refused[2].starts_with("t16 OK "));
    const auto cancelled = co_await client.say("CANCELUPDATE \"t3\" \"t4\"");
    CHECK(cancelled.back().starts_with("OK "));
    const auto kept = co_await tagged(client, "t16", "SEARCH RETURN (UPDATE COUNT) ALL");
    CHECK(kept.size() == 2);
  });
}
