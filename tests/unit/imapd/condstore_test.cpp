// CONDSTORE and QRESYNC (RFC 7162), and what else ENABLE changes: IMAP4rev2 (RFC 9051).
#include "imapd/resync.h"
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

std::string after(const std::string& line, const std::string& words) {
  const auto at = line.find(words);
  if (at == std::string::npos) return {};
  const auto from = at + words.size();
  return line.substr(from, line.find_first_not_of("0123456789", from) - from);
}

/// The number behind `words` in the first line that has them; "" if none has.
std::string number_after(const std::vector<std::string>& lines, const std::string& words) {
  for (const auto& line : lines)
    if (auto number = after(line, words); !number.empty()) return number;
  return {};
}

async::Task<void> deliver_four(Server& here) {
  for (const auto* subject : {"one", "two", "three", "four"}) {
    const std::string text = subject;
    co_await here.deliver(letter(text));
  }
}

store::Snapshot view_of(const std::vector<std::uint32_t>& uids) {
  store::Snapshot::Block block;
  for (const auto uid : uids) block.push_back({.uid = uid});
  store::Snapshot::Head head;
  head.keywords = std::make_shared<std::vector<std::string>>();
  return {head, {std::make_shared<const store::Snapshot::Block>(block)}};
}

imapd::Qresync pairs(const char* numbers, const char* uids) {
  imapd::Qresync client;
  client.known_pairs = {*imapd::SequenceSet::parse(numbers), *imapd::SequenceSet::parse(uids)};
  return client;
}

}  // namespace

TEST_CASE("mod-sequences are told once the client has used one", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await deliver_four(here);
    const auto selected = co_await client.say("SELECT INBOX");
    CHECK_FALSE(number_after(selected, "[HIGHESTMODSEQ ").empty());
    const auto before = co_await client.say("STORE 1 +FLAGS (\\Seen)");
    CHECK(has(before, "* 1 FETCH (FLAGS (\\Seen \\Recent))"));
    const auto first = co_await client.say("FETCH 2 (MODSEQ)");
    CHECK_FALSE(number_after(first, "* OK [HIGHESTMODSEQ ").empty());
    const auto known = number_after(first, "FETCH (MODSEQ (");
    const auto stored = co_await client.say("STORE 3 +FLAGS (\\Seen)");
    const auto now = number_after(stored, "* 3 FETCH (UID 3 FLAGS (\\Seen \\Recent) MODSEQ (");
    CHECK(std::stoull(now) > std::stoull(known));
    const auto silent = co_await client.say("STORE 4 +FLAGS.SILENT (\\Seen)");
    CHECK_FALSE(number_after(silent, "* 4 FETCH (UID 4 MODSEQ (").empty());
    const auto since = co_await client.say("FETCH 1:* (FLAGS) (CHANGEDSINCE " + known + ")");
    CHECK(since.size() == 4);
    const auto found = co_await client.say("SEARCH MODSEQ " + now);
    CHECK(has(found, "* SEARCH 3 4 (MODSEQ " + number_after(silent, "MODSEQ (") + ")"));
    const auto lowest = co_await client.say("SEARCH RETURN (MIN) MODSEQ \"/flags/\\\\seen\" all " + now);
    CHECK(has(lowest, "* ESEARCH (TAG \"x\") MIN 3 MODSEQ " + now));
  });
}

TEST_CASE("a STORE that others were quicker than", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await deliver_four(here);
    const auto selected = co_await client.say("SELECT INBOX");
    const auto known = number_after(selected, "[HIGHESTMODSEQ ");
    auto other = co_await here.second_logged_in();
    co_await other.say("SELECT INBOX");
    co_await other.say("STORE 2 +FLAGS (\\Flagged)");
    const auto refused = co_await client.say("STORE 1:2 (UNCHANGEDSINCE " + known + ") +FLAGS.SILENT (\\Seen)");
    CHECK(refused.back().starts_with("OK [MODIFIED 2]"));
    CHECK_FALSE(number_after(refused, "* 1 FETCH (UID 1 MODSEQ (").empty());
    const auto by_uid = co_await client.say("UID STORE 2 (UNCHANGEDSINCE " + known + ") +FLAGS.SILENT (\\Seen)");
    CHECK(by_uid.back().starts_with("OK [MODIFIED 2]"));
    const auto flags = co_await client.say("FETCH 2 (FLAGS)");
    CHECK(flags.front().contains("FLAGS (\\Flagged"));
    CHECK_FALSE(flags.front().contains("\\Seen"));
    co_await other.say("LOGOUT");
  });
}

TEST_CASE("who comes back is told what has changed and what has vanished", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await deliver_four(here);
    const auto early = co_await client.say("SELECT INBOX (QRESYNC (1 1))");
    CHECK(early.back().starts_with("BAD "));
    const auto enabled = co_await client.say("ENABLE QRESYNC X-UNKNOWN");
    CHECK(has(enabled, "* ENABLED QRESYNC"));
    const auto selected = co_await client.say("SELECT INBOX");
    const auto known = number_after(selected, "[HIGHESTMODSEQ ");
    const auto uidvalidity = number_after(selected, "[UIDVALIDITY ");
    co_await client.say("STORE 2,4 +FLAGS.SILENT (\\Deleted)");
    const auto expunged = co_await client.say("EXPUNGE");
    CHECK(has(expunged, "* VANISHED 2,4"));
    const auto flagged = co_await client.say("STORE 2 +FLAGS (\\Flagged)");
    CHECK(flagged.front().starts_with("* 2 FETCH (UID 3 FLAGS (\\Flagged"));
    const auto after_all = number_after(flagged, "MODSEQ (");
    CHECK(std::stoull(number_after(expunged, "OK [HIGHESTMODSEQ ")) < std::stoull(after_all));
    const auto back = co_await client.say("SELECT INBOX (QRESYNC (" + uidvalidity + " " + known + " 1:3))");
    CHECK(has(back, "* VANISHED (EARLIER) 2"));
    CHECK(has(back, "* 2 FETCH (UID 3 FLAGS (\\Flagged) MODSEQ (" + after_all + "))"));
    const auto same = co_await client.say("SELECT INBOX (QRESYNC (" + uidvalidity + " " + after_all + "))");
    const auto other = co_await client.say("SELECT INBOX (QRESYNC (1 " + known + "))");
    for (const auto& line : same) CHECK_FALSE((line.contains("VANISHED") || line.contains("FETCH")));
    for (const auto& line : other) CHECK_FALSE((line.contains("VANISHED") || line.contains("FETCH")));
    const auto fetched = co_await client.say("UID FETCH 1:* (FLAGS) (CHANGEDSINCE " + known + " VANISHED)");
    CHECK(has(fetched, "* VANISHED (EARLIER) 2,4"));
    CHECK(fetched.size() == 3);
  });
}

TEST_CASE("of messages that a client does not name it is told nothing", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await deliver_four(here);
    co_await client.say("ENABLE QRESYNC");
    const auto selected = co_await client.say("SELECT INBOX");
    const auto client_has = number_after(selected, "[UIDVALIDITY ") + " " + number_after(selected, "[HIGHESTMODSEQ ");
    co_await client.say("STORE 1:4 +FLAGS.SILENT (\\Flagged)");
    const auto back = co_await client.say("SELECT INBOX (QRESYNC (" + client_has + " 2,4:9))");
    std::string told;
    for (const auto& line : back)
      if (line.contains(" FETCH ")) told += after(line, "(UID ") + " ";
    CHECK(told == "2 4 ");
    // Pairs that match tell which expunges are known, and nothing of flags.
    const auto with_pairs = co_await client.say("SELECT INBOX (QRESYNC (" + client_has + " 1:2 (1:2 1:2)))");
    CHECK_FALSE(number_after(with_pairs, "* 1 FETCH (UID 1 FLAGS (\\Flagged) MODSEQ (").empty());
    CHECK(number_after(with_pairs, "* 3 FETCH (UID ").empty());
  });
}

TEST_CASE("while expunges wait, the client is told up to where it knows all", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await deliver_four(here);
    co_await client.say("ENABLE QRESYNC");
    const auto known = number_after(co_await client.say("SELECT INBOX"), "[HIGHESTMODSEQ ");
    auto other = co_await here.second_logged_in();
    co_await other.say("SELECT INBOX");
    co_await other.say("STORE 2 +FLAGS (\\Deleted)");
    co_await other.say("EXPUNGE");
    const auto told = "* OK [HIGHESTMODSEQ " + known + "] All is told up to this";
    const auto stored = co_await client.say("STORE 3 +FLAGS (\\Seen)");
    CHECK(has(stored, told));
    const auto highest = number_after(stored, "* 3 FETCH (UID 3 FLAGS (\\Seen \\Recent) MODSEQ (");
    CHECK(std::stoull(highest) > std::stoull(known));
    // Also with commands that tell of nothing, and in each answer of several.
    const auto fetched = co_await client.say("FETCH 1 (UID)");
    CHECK(has(fetched, told));
    co_await client.send("y STORE 3 +FLAGS (\\Answered)\r\nz STORE 4 +FLAGS (\\Answered)\r\n");
    const auto first = co_await client.until("y");
    CHECK(has(first, told));
    const auto second = co_await client.until("z");
    CHECK(has(second, told));
    const auto caught_up = co_await client.say("NOOP");
    CHECK(has(caught_up, "* VANISHED 2"));
    CHECK(std::stoull(number_after(caught_up, "* OK [HIGHESTMODSEQ ")) >= std::stoull(highest));
    const auto later = co_await client.say("NOOP");
    CHECK(later.size() == 1);
    // Who can be told at once is.
    co_await other.say("STORE 1 +FLAGS (\\Deleted)");
    co_await other.say("EXPUNGE");
    const auto by_uid = co_await client.say("UID STORE 3 +FLAGS (\\Flagged)");
    CHECK(has(by_uid, "* VANISHED 1"));
    co_await other.say("LOGOUT");
  });
}

TEST_CASE("mod-sequences that are asked for while expunges wait", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await deliver_four(here);
    const auto known = number_after(co_await client.say("SELECT INBOX"), "[HIGHESTMODSEQ ");
    auto other = co_await here.second_logged_in();
    co_await other.say("SELECT INBOX");
    co_await other.say("STORE 2 +FLAGS (\\Deleted)");
    co_await other.say("EXPUNGE");
    co_await client.say("STORE 1 +FLAGS (\\Seen)");
    const auto enabled = co_await client.say("FETCH 1 (MODSEQ)");
    CHECK(has(enabled, "* OK [HIGHESTMODSEQ " + known + "] Mod-sequences from here on"));
    co_await other.say("LOGOUT");
  });
}

TEST_CASE("a search for numbers is not told of expunges, by UID either", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await deliver_four(here);
    co_await client.say("ENABLE QRESYNC");
    co_await client.say("SELECT INBOX");
    auto other = co_await here.second_logged_in();
    co_await other.say("SELECT INBOX");
    co_await other.say("STORE 1 +FLAGS (\\Deleted)");
    co_await other.say("EXPUNGE");
    for (const auto* const command : {"UID SEARCH NOT 4", "UID SORT (ARRIVAL) UTF-8 1:3",
                                      "UID THREAD REFERENCES UTF-8 OR 1 SEEN", "ESEARCH IN (selected) 1:3"}) {
      INFO(command);
      const auto found = co_await client.say(command);
      CHECK(found.back().starts_with("OK "));
      for (const auto& line : found) CHECK_FALSE(line.contains("VANISHED"));
    }
    const auto by_uid = co_await client.say("UID SEARCH UID 1:3");
    CHECK(has(by_uid, "* VANISHED 1"));
    co_await other.say("LOGOUT");
  });
}

TEST_CASE("UID and MODSEQ go together in what tells of flags", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await deliver_four(here);
    co_await client.say("SELECT INBOX (CONDSTORE)");
    const auto read = co_await client.say("FETCH 1 BODY[HEADER.FIELDS (SUBJECT)]");
    CHECK(read.front().starts_with("* 1 FETCH (UID 1 BODY[HEADER.FIELDS (SUBJECT)]"));
    CHECK(read.front().contains(" FLAGS (\\Seen \\Recent) MODSEQ ("));
    const auto twice = co_await client.say("FETCH 2 (BODY[TEXT]<0.2> UID)");
    CHECK(twice.front().starts_with("* 2 FETCH (BODY[TEXT]<0> {2}\r\nTe UID 2 FLAGS (\\Seen \\Recent) MODSEQ ("));
    const auto peeked = co_await client.say("FETCH 3 (FLAGS)");
    CHECK(has(peeked, "* 3 FETCH (FLAGS (\\Recent))"));
  });
}

TEST_CASE("of part of the messages those that have changed: RFC 9394 section 3.4", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await deliver_four(here);
    const auto known = number_after(co_await client.say("SELECT INBOX (CONDSTORE)"), "[HIGHESTMODSEQ ");
    co_await client.say("STORE 1,4 +FLAGS (\\Seen)");
    for (const auto& modifiers : {"PARTIAL -1:-2 CHANGEDSINCE " + known, "CHANGEDSINCE " + known + " PARTIAL -1:-2"}) {
      const auto told = co_await client.say("UID FETCH 1:* (FLAGS) (" + modifiers + ")");
      CHECK(told.size() == 2);
      CHECK(told.front().starts_with("* 4 FETCH (UID 4 "));
    }
  });
}

TEST_CASE("MOVE tells the mod-sequence after it", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await deliver_four(here);
    co_await client.say("ENABLE QRESYNC");
    co_await client.say("SELECT INBOX");
    const auto moved = co_await client.say("MOVE 1:2 Trash");
    CHECK(has(moved, "* VANISHED 1:2"));
    CHECK(moved.back().starts_with("OK [HIGHESTMODSEQ "));
  });
}

TEST_CASE("what a client has seen by its pairs", "[imapd]") {
  const auto view = view_of({3, 4, 9, 10});
  CHECK(imapd::first_doubt({}, view) == 1);
  CHECK(imapd::first_doubt(pairs("1,3", "3,9"), view) == 10);
  CHECK(imapd::first_doubt(pairs("1:2,4", "3:4,11"), view) == 5);
  CHECK(imapd::first_doubt(pairs("2", "3"), view) == 1);
  CHECK(imapd::first_doubt(pairs("1:4294967294", "1:4294967294"), view) == 1);
}

TEST_CASE("what is still in the view has not vanished", "[imapd]") {
  const auto view = view_of({3, 4, 9, 10});
  using Uids = store::UidSet;
  CHECK(imapd::vanished_of({{1, 12}}, {{1, 100}}, view) == Uids{{1, 2}, {5, 8}, {11, 12}});
  CHECK(imapd::vanished_of({{5, 8}}, {{6, 6}, {8, 20}}, view) == Uids{{6, 6}, {8, 8}});
  CHECK(imapd::vanished_of({{3, 4}}, {{1, 100}}, view).empty());
  CHECK(imapd::vanished_of({}, {{1, 100}}, view).empty());
}

TEST_CASE("IMAP4rev2 knows no \\Recent and answers SEARCH with ESEARCH", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await deliver_four(here);
    co_await client.say("CREATE Entw&APw-rfe");
    const auto enabled = co_await client.say("ENABLE IMAP4rev2");
    CHECK(has(enabled, "* ENABLED IMAP4rev2"));
    const auto selected = co_await client.say("SELECT inbox");
    CHECK(has(selected, "* 4 EXISTS"));
    CHECK(has(selected, R"(* LIST () "/" INBOX)"));
    for (const auto& line : selected) CHECK_FALSE((line.contains("RECENT") || line.contains("UNSEEN")));
    const auto flags = co_await client.say("FETCH 1 (FLAGS)");
    CHECK(has(flags, "* 1 FETCH (FLAGS ())"));
    const auto found = co_await client.say("SEARCH 2:3");
    CHECK(has(found, R"(* ESEARCH (TAG "x") ALL 2:3)"));
    const auto none = co_await client.say("UID SEARCH SEEN");
    CHECK(has(none, R"(* ESEARCH (TAG "x") UID)"));
    const auto listed = co_await client.say("LIST \"\" Entw*");
    CHECK(has(listed, "* LIST (\\HasNoChildren) \"/\" \"Entw\xC3\xBCrfe\""));
    const auto opened = co_await client.say("SELECT \"Entw\xC3\xBCrfe\"");
    CHECK(has(opened, "* LIST () \"/\" \"Entw\xC3\xBCrfe\""));
  });
}
