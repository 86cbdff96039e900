// The message commands: RFC 3501 sections 6.3.11 and 6.4, RFC 4315 (UIDPLUS), RFC 7888 (LITERAL+).
#include <fmt/format.h>

#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

const std::string kMultipart =
    "From: \"Bob B.\" <bob@b.test>\r\nTo: ann@a.test, \"C\" <c@c.test>\r\nSubject: parts\r\nMessage-ID: <p@b.test>\r\n"
    "Date: Tue, 24 Nov 2026 13:05:09 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    "--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n--x\r\nContent-Type: application/octet-stream\r\n"
    "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=a.bin\r\n\r\nAAECAw==\r\n--x--\r\n";

async::Task<void> check_stores(Client& client, Server& here, bool together) {
  for (const auto* subject : {"one", "two", "three"})
    co_await here.deliver("Subject: " + std::string(subject) + "\r\n\r\nText\r\n");
  co_await client.say("SELECT INBOX");
  const std::string commands =
      "a STORE 1:2 +FLAGS (\\Flagged)\r\nb UID STORE 2 -FLAGS (\\Flagged)\r\n"
      "c STORE 2 +FLAGS.SILENT (\\Seen $Work)\r\nd STORE 9 FLAGS (\\Seen)\r\ne STORE 3 FLAGS nonsense(\r\n"
      "f store 3 FLAGS (\\Deleted)\r\ng NOOP\r\nh STORE 1 FLAGS.SILENT ()\r\n";
  if (together)
    co_await client.send(commands);
  else
    co_await client.trickle(commands);
  std::vector<std::vector<std::string>> answers;
  for (const auto* tag : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
    auto lines = co_await client.until(tag);
    answers.push_back(std::move(lines));
  }
  CHECK(has(answers[0], "* 1 FETCH (FLAGS (\\Flagged \\Recent))"));
  CHECK(has(answers[0], "* 2 FETCH (FLAGS (\\Flagged \\Recent))"));
  CHECK(has(answers[1], "* 2 FETCH (UID 2 FLAGS (\\Recent))"));
  CHECK(answers[1].back() == "b OK Stored");
  CHECK(answers[2].back() == "c OK Stored");
  CHECK(answers[3].back().starts_with("d BAD "));
  CHECK(answers[4].back().starts_with("e BAD "));
  CHECK(answers[5] == std::vector<std::string>{"* 3 FETCH (FLAGS (\\Deleted \\Recent))", "f OK Stored"});
  CHECK(answers[6].back().starts_with("g OK "));
  CHECK(answers[7] == std::vector<std::string>{"h OK Stored"});
  const auto flags = co_await client.say("FETCH 1:* FLAGS");
  CHECK(has(flags, "* 1 FETCH (FLAGS (\\Recent))"));
  CHECK(has(flags, "* 2 FETCH (FLAGS (\\Seen \\Recent $Work))"));
}

async::Task<void> append(Client& client, std::string message) {
  const auto made = co_await client.say("APPEND INBOX {" + std::to_string(message.size()) + "+}\r\n" + message);
  CHECK(made.back().starts_with("OK [APPENDUID "));
}

}  // namespace

TEST_CASE("FETCH gives all items of RFC 3501", "[imapd]") {
  Server server;
  const auto capacity = GENERATE(std::size_t{65536}, std::size_t{1});
  server.run_in(
      [](Client& client, Server& here) -> async::Task<void> {
        co_await here.deliver(kMultipart);
        co_await client.say("EXAMINE INBOX");
        const auto size = std::to_string(kMultipart.size());
        const auto fast = co_await client.say("FETCH 1 (UID FLAGS RFC822.SIZE)");
        CHECK(has(fast, "* 1 FETCH (UID 1 RFC822.SIZE " + size + " FLAGS (\\Recent))"));
        const auto date = co_await client.say("FETCH 1 INTERNALDATE");
        CHECK(date.front().starts_with("* 1 FETCH (INTERNALDATE \""));
        const auto envelope = co_await client.say("FETCH 1 ENVELOPE");
        CHECK(has(envelope,
                  "* 1 FETCH (ENVELOPE (\"Tue, 24 Nov 2026 13:05:09 +0000\" \"parts\" ((\"Bob B.\" NIL \"bob\" "
                  "\"b.test\")) ((\"Bob B.\" NIL \"bob\" \"b.test\")) ((\"Bob B.\" NIL \"bob\" \"b.test\")) ((NIL NIL "
                  "\"ann\" \"a.test\")(\"C\" NIL \"c\" \"c.test\")) NIL NIL NIL \"<p@b.test>\"))"));
        const auto body = co_await client.say("FETCH 1 BODY");
        CHECK(has(body,
                  "* 1 FETCH (BODY ((\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" 5 0)(\"application\" "
                  "\"octet-stream\" NIL NIL NIL \"base64\" 8) \"mixed\"))"));
        const auto structure = co_await client.say("FETCH 1 BODYSTRUCTURE");
        CHECK(structure.front().contains("(\"attachment\" (\"filename\" \"a.bin\"))"));
        const auto whole = co_await client.say("FETCH 1 BODY.PEEK[]");
        CHECK(has(whole, "* 1 FETCH (BODY[] {" + size + "}\r\n" + kMultipart + ")"));
        const auto first = co_await client.say("FETCH 1 BODY.PEEK[1]");
        CHECK(has(first, "* 1 FETCH (BODY[1] {5}\r\nHello)"));
        const auto mime = co_await client.say("FETCH 1 BODY.PEEK[1.MIME]");
        CHECK(mime.front().ends_with("}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n)"));
        const auto fields = co_await client.say("FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT X-NONE)]");
        CHECK(has(fields, "* 1 FETCH (BODY[HEADER.FIELDS (SUBJECT X-NONE)] {18}\r\nSubject: parts\r\n\r\n)"));
        const auto others = co_await client.say(
            "FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (From To Message-ID Date MIME-Version Content-Type)]");
        CHECK(others.front().ends_with("{18}\r\nSubject: parts\r\n\r\n)"));
        const auto header = co_await client.say("FETCH 1 RFC822.HEADER");
        CHECK(header.front().ends_with("boundary=x\r\n\r\n)"));
        const auto missing = co_await client.say("FETCH 1 BODY.PEEK[7]");
        CHECK(has(missing, "* 1 FETCH (BODY[7] NIL)"));
        const auto macro = co_await client.say("FETCH 1 ALL");
        CHECK(macro.front().contains("ENVELOPE ("));
        CHECK(macro.front().contains("RFC822.SIZE"));
        const auto beyond = co_await client.say("FETCH 2 UID");
        CHECK(beyond.back().starts_with("BAD "));
        const auto uids = co_await client.say("UID FETCH 5:* FLAGS");
        CHECK(has(uids, "* 1 FETCH (UID 1 FLAGS (\\Recent))"));
      },
      capacity);
}

TEST_CASE("header fields come from what the store keeps, or from the message", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    const std::string many = "To: " + std::string(20'000, 'x') + "@a.test\r\n";
    co_await here.deliver("Received: a\r\nFrom: b@b.test\r\nSubject: short\r\nX-Own: yes\r\n\r\nText\r\n");
    co_await here.deliver(many + "Subject: long\r\n\r\nText\r\n");
    co_await client.say("EXAMINE INBOX");
    const auto kept = co_await client.say("FETCH 1:2 BODY.PEEK[HEADER.FIELDS (Subject Cc)]");
    CHECK(has(kept, "* 1 FETCH (BODY[HEADER.FIELDS (Subject Cc)] {18}\r\nSubject: short\r\n\r\n)"));
    CHECK(has(kept, "* 2 FETCH (BODY[HEADER.FIELDS (Subject Cc)] {17}\r\nSubject: long\r\n\r\n)"));
    const auto part = co_await client.say("FETCH 1:2 BODY.PEEK[HEADER.FIELDS (SUBJECT)]<9.4>");
    CHECK(has(part, "* 1 FETCH (BODY[HEADER.FIELDS (SUBJECT)]<9> {4}\r\nshor)"));
    CHECK(has(part, "* 2 FETCH (BODY[HEADER.FIELDS (SUBJECT)]<9> {4}\r\nlong)"));
    const auto unknown = co_await client.say("FETCH 1 BODY.PEEK[HEADER.FIELDS (X-Own Subject)]");
    CHECK(unknown.front().ends_with("{30}\r\nSubject: short\r\nX-Own: yes\r\n\r\n)"));
    const auto both = co_await client.say("FETCH 1 (BODY.PEEK[HEADER.FIELDS (From)] BODY.PEEK[TEXT])");
    CHECK(both.front().ends_with("{18}\r\nFrom: b@b.test\r\n\r\n BODY[TEXT] {6}\r\nText\r\n)"));
    const auto whole = co_await client.say("FETCH 2 BODY.PEEK[HEADER.FIELDS (TO)]");
    CHECK(whole.front().ends_with(many + "\r\n)"));
  });
}

TEST_CASE("partial ranges", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(kMultipart);
    co_await client.say("EXAMINE INBOX");
    const auto middle = co_await client.say("FETCH 1 BODY.PEEK[1]<1.3>");
    CHECK(has(middle, "* 1 FETCH (BODY[1]<1> {3}\r\nell)"));
    const auto end = co_await client.say("FETCH 1 BODY.PEEK[1]<3.100>");
    CHECK(has(end, "* 1 FETCH (BODY[1]<3> {2}\r\nlo)"));
    const auto behind = co_await client.say("FETCH 1 BODY.PEEK[1]<9.100>");
    CHECK((has(behind, "* 1 FETCH (BODY[1]<9> \"\")") || has(behind, "* 1 FETCH (BODY[1]<9> {0}\r\n)")));
    const auto none = co_await client.say("FETCH 1 BODY.PEEK[1]<0.0>");
    CHECK(none.back().starts_with("BAD "));
  });
}

TEST_CASE("reading a text sets \\Seen, where one may write", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    co_await client.say("EXAMINE INBOX");
    co_await client.say("FETCH 1 BODY[TEXT]");
    const auto unseen = co_await client.say("FETCH 1 FLAGS");
    CHECK(has(unseen, "* 1 FETCH (FLAGS (\\Recent))"));
    co_await client.say("SELECT INBOX");
    const auto read = co_await client.say("FETCH 1 BODY[TEXT]");
    bool told = false;
    for (const auto& line : read) told = told || line.contains("\\Seen");
    CHECK(told);
  });
}

TEST_CASE("reading a text tells of a keyword that another session has just made up", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    co_await client.say("SELECT INBOX");
    auto other = co_await here.second_logged_in();
    co_await other.say("SELECT INBOX");
    co_await other.say("STORE 1 +FLAGS (new)");
    const auto read = co_await client.say("FETCH 1 BODY[TEXT]");
    CHECK(has(read, "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft new)"));
    CHECK(has(read, "* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent new))"));
    const auto nothing = co_await client.say("NOOP");
    CHECK(nothing.size() == 1);
    co_await other.say("LOGOUT");
  });
}

TEST_CASE("STOREs that come together are answered as if they came one by one", "[imapd]") {
  Server server;
  SECTION("in one read") {
    server.run_in([](Client& client, Server& here) { return check_stores(client, here, true); });
  }
  SECTION("octet by octet") {
    server.run_in([](Client& client, Server& here) { return check_stores(client, here, false); });
  }
}

TEST_CASE("STOREs that come together and name many messages are made in parts", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    co_await client.say("SELECT INBOX");
    for (int n = 0; n < 12; ++n) co_await client.say("COPY 1:* INBOX");  // then there are 4096
    const std::string tags = "abcdefg";
    std::string commands;
    for (const char tag : tags)
      commands += fmt::format("{} STORE 1:* {}FLAGS.SILENT (\\Flagged)\r\n", tag, (tag - 'a') % 2 == 0 ? '+' : '-');
    co_await client.send(commands);
    for (const char tag : tags) {
      const auto answer = co_await client.until(std::string(1, tag));
      CHECK(answer == std::vector<std::string>{fmt::format("{} OK Stored", tag)});
    }
    const auto flags = co_await client.say("FETCH 1,4096 FLAGS");
    CHECK(has(flags, "* 1 FETCH (FLAGS (\\Flagged \\Recent))"));
    CHECK(has(flags, "* 4096 FETCH (FLAGS (\\Flagged \\Recent))"));
  });
}

TEST_CASE("a keyword that no message has any more gives its place to a new one, of which clients hear", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    co_await client.say("SELECT INBOX");
    std::string names = "k0";
    for (int n = 1; n < store::kMaxKeywords; ++n) names += fmt::format(" k{}", n);
    co_await client.say("STORE 1 +FLAGS (" + names + ")");
    co_await client.say("STORE 1 -FLAGS (k3)");
    auto other = co_await here.second_logged_in();
    co_await other.say("SELECT INBOX");
    const auto tells = [](const std::vector<std::string>& lines, std::string_view start) {
      return std::ranges::any_of(lines, [start](const std::string& line) {
        return line.starts_with(start) && line.contains(" fresh ") && !line.contains(" k3 ");
      });
    };
    const auto stored = co_await client.say("STORE 1 +FLAGS (fresh)");
    CHECK(stored.back() == "OK Stored");
    CHECK(tells(stored, "* FLAGS ("));
    CHECK(tells(stored, "* 1 FETCH (FLAGS ("));
    const auto heard = co_await other.say("NOOP");
    CHECK(tells(heard, "* FLAGS ("));
    CHECK(tells(heard, "* 1 FETCH (UID 1 FLAGS ("));
    CHECK(has(co_await other.say("SEARCH KEYWORD fresh"), "* SEARCH 1"));
    CHECK(has(co_await other.say("SEARCH KEYWORD k3"), "* SEARCH"));
    co_await other.say("LOGOUT");
  });
}

TEST_CASE("STOREs that come together mean the messages their client knows of", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    for (const auto* subject : {"one", "two", "three"})
      co_await here.deliver("Subject: " + std::string(subject) + "\r\n\r\nText\r\n");
    co_await client.say("SELECT INBOX");
    auto other = co_await here.second_logged_in();
    co_await other.say("SELECT INBOX");
    co_await other.say("STORE 1 +FLAGS (\\Deleted)");
    co_await other.say("EXPUNGE");
    co_await other.say("STORE 2 +FLAGS (\\Answered)");
    co_await client.send(
        "a UID STORE 2 +FLAGS (\\Flagged)\r\nb STORE 3 +FLAGS (\\Seen)\r\nc STORE 3 -FLAGS.SILENT (\\Answered)\r\n"
        "d UID STORE 3 +FLAGS.SILENT (\\Draft)\r\n");
    const auto first = co_await client.until("a");
    CHECK(has(first, "* 2 FETCH (UID 2 FLAGS (\\Flagged \\Recent))"));
    const auto second = co_await client.until("b");
    CHECK(second.front() == "* 3 FETCH (FLAGS (\\Answered \\Seen \\Recent))");
    const auto third = co_await client.until("c");
    CHECK(third == std::vector<std::string>{"c OK Stored"});
    const auto last = co_await client.until("d");
    CHECK(has(last, "* 1 EXPUNGE"));
    CHECK(last.back() == "d OK Stored");
    const auto flags = co_await client.say("UID FETCH 3 FLAGS");
    CHECK(flags.front().contains("FLAGS (\\Seen \\Draft"));
    other.close();
  });
}

TEST_CASE("STORE, with silence and with keywords", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    co_await here.deliver(letter("two"));
    co_await client.say("SELECT INBOX");
    const auto added = co_await client.say("STORE 1:2 +FLAGS (\\Flagged $Work)");
    CHECK(has(added, "* 1 FETCH (FLAGS (\\Flagged \\Recent $Work))"));
    CHECK(has(added, "* 2 FETCH (FLAGS (\\Flagged \\Recent $Work))"));
    const auto silent = co_await client.say("STORE 1 -FLAGS.SILENT (\\Flagged)");
    for (const auto& line : silent) CHECK_FALSE(line.contains("FETCH"));
    const auto replaced = co_await client.say("UID STORE 2 FLAGS (\\Seen)");
    CHECK(has(replaced, "* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))"));
    co_await client.say("EXAMINE INBOX");
    const auto refused = co_await client.say("STORE 1 FLAGS (\\Seen)");
    CHECK(refused.back().starts_with("NO "));
  });
}

TEST_CASE("COPY tells both sets of UIDs", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    co_await here.deliver(letter("two"));
    co_await client.say("SELECT INBOX");
    const auto copied = co_await client.say("COPY 1:2 Archive");
    CHECK(copied.back().starts_with("OK [COPYUID "));
    CHECK(copied.back().contains(" 1:2 1:2]"));
    const auto missing = co_await client.say("UID COPY 1 nowhere");
    CHECK(missing.back().starts_with("NO [TRYCREATE]"));
    const auto status = co_await client.say("STATUS Archive (MESSAGES)");
    CHECK(has(status, "* STATUS Archive (MESSAGES 2)"));
  });
}

TEST_CASE("who names messages that others have expunged is told so: RFC 9051 section 7.1, EXPUNGEISSUED", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    for (const auto* subject : {"one", "two", "three"}) co_await here.deliver(letter(subject));
    co_await client.say("SELECT INBOX");
    auto other = co_await here.second_logged_in();
    co_await other.say("SELECT INBOX");
    co_await other.say("STORE 1:2 +FLAGS (\\Deleted)");
    co_await other.say("EXPUNGE");
    const auto stored = co_await client.say("STORE 2:3 +FLAGS (\\Flagged)");
    CHECK(has(stored, "* 3 FETCH (FLAGS (\\Flagged \\Recent))"));
    CHECK(stored.size() == 2);
    CHECK(stored.back().starts_with("OK [EXPUNGEISSUED] "));
    const auto rest = co_await client.say("STORE 3 +FLAGS (\\Seen)");
    CHECK(rest.back().starts_with("OK Stored"));
    // There are no copies, and the client must not believe that there are.
    const auto copied = co_await client.say("COPY 1:2 Trash");
    CHECK(copied.back().starts_with("NO [EXPUNGEISSUED] "));
    CHECK(has(copied, "* 1 EXPUNGE"));
    const auto none = co_await client.say("STATUS Trash (MESSAGES)");
    CHECK(has(none, "* STATUS Trash (MESSAGES 0)"));
    co_await other.say("STORE 1 +FLAGS (\\Deleted)");
    co_await other.say("EXPUNGE");
    // A UID without a message is no error (section 6.4.9).
    const auto moved = co_await client.say("UID MOVE 3 Trash");
    CHECK(moved.back().starts_with("OK [EXPUNGEISSUED] "));
    CHECK(has(moved, "* 1 EXPUNGE"));
  });
}

TEST_CASE("EXPUNGE, UID EXPUNGE and CLOSE", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    for (const auto* name : {"one", "two", "three", "four"}) co_await here.deliver(letter(name));
    co_await client.say("SELECT INBOX");
    co_await client.say("STORE 1,3,4 +FLAGS.SILENT (\\Deleted)");
    const auto only = co_await client.say("UID EXPUNGE 3:3");
    CHECK(has(only, "* 3 EXPUNGE"));
    CHECK(only.size() == 2);
    const auto rest = co_await client.say("EXPUNGE");
    CHECK(rest.size() == 3);
    co_await client.say("STORE 1 +FLAGS.SILENT (\\Deleted)");
    const auto closed = co_await client.say("CLOSE");
    CHECK(closed.size() == 1);
    const auto status = co_await client.say("STATUS INBOX (MESSAGES)");
    CHECK(has(status, "* STATUS INBOX (MESSAGES 0)"));
  });
}

TEST_CASE("SEARCH", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("alpha"));
    co_await here.deliver(letter("beta"));
    co_await here.deliver(kMultipart);
    co_await client.say("SELECT INBOX");
    co_await client.say("STORE 2 +FLAGS.SILENT (\\Seen $Work)");
    const std::pair<const char*, const char*> cases[] = {
        {"ALL", "* SEARCH 1 2 3"},
        {"SUBJECT ALPHA", "* SEARCH 1"},
        {"TEXT \"text of\"", "* SEARCH 1 2"},
        {"BODY hello", "* SEARCH 3"},
        {"FROM bob NOT SEEN", "* SEARCH 1 3"},
        {"OR SUBJECT beta SUBJECT parts", "* SEARCH 2 3"},
        {"KEYWORD $Work", "* SEARCH 2"},
        {"UNKEYWORD $Work 1:2", "* SEARCH 1"},
        {"HEADER Message-ID p@b.test", "* SEARCH 3"},
        {"SENTON 24-Nov-2026", "* SEARCH 1 2 3"},
        {"SENTBEFORE 24-Nov-2026", "* SEARCH"},
        {"LARGER 300", "* SEARCH 3"},
        {"UID 2:*", "* SEARCH 2 3"},
        {"CHARSET UTF-8 SUBJECT {5+}\r\nalpha", "* SEARCH 1"},
        {"NOT (SEEN)", "* SEARCH 1 3"},
    };
    for (const auto& [key, expected] : cases) {
      INFO(key);
      const auto found = co_await client.say(std::string("SEARCH ") + key);
      CHECK(has(found, expected));
    }
    const auto charset = co_await client.say("SEARCH CHARSET KOI7 SUBJECT x");
    CHECK(charset.back().starts_with("NO [BADCHARSET"));
  });
}

TEST_CASE("SEARCH finds words that a fold stands between", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver("Subject: multi\r\n\tline\r\n  subject\r\nX-Foo: a\r\n\tb\r\n\r\nText\r\n");
    co_await client.say("SELECT INBOX");
    for (const auto* key : {R"(SUBJECT "multi line subject")", R"(HEADER X-Foo "a b")", R"(TEXT "line subject")"}) {
      const auto found = co_await client.say(std::string("SEARCH ") + key);
      CHECK(has(found, "* SEARCH 1"));
    }
  });
}

TEST_CASE("SEARCH TEXT finds attachments by their names: RFC 9051 section 6.4.4", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(
        "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nText\r\n--b\r\n"
        "Content-Type: application/pdf; name=\"=?utf-8?q?K=C3=B6ln?=.pdf\"\r\n"
        "Content-Disposition: attachment; filename*=utf-8''M%C3%BCnchen.pdf\r\n"
        "Content-Description: winter harbour\r\n\r\n%PDF\r\n--b--\r\n");
    co_await client.say("SELECT INBOX");
    for (const auto* text : {"\"harbour\"", "\"K\xC3\xB6ln.pdf\"", "\"m\xC3\xBCnchen.PDF\"", "application/pdf"}) {
      const auto found = co_await client.say(std::string("SEARCH CHARSET UTF-8 TEXT ") + text);
      CHECK(has(found, "* SEARCH 1"));
      const auto body = co_await client.say(std::string("SEARCH CHARSET UTF-8 BODY ") + text);
      CHECK(has(body, "* SEARCH"));
    }
  });
}

TEST_CASE("APPEND by both kinds of literals", "[imapd]") {
  Server server;
  const auto capacity = GENERATE(std::size_t{65536}, std::size_t{1});
  server.run_in(
      [](Client& client, Server&) -> async::Task<void> {
        const auto text = letter("mine");
        co_await client.send("a APPEND Sent (\\Seen) \"24-Nov-2026 13:05:09 +0100\" {" + std::to_string(text.size()) +
                             "}\r\n");
        const auto ready = co_await client.line();
        CHECK(ready.starts_with("+ "));
        co_await client.send(text + "\r\n");
        const auto done = co_await client.line();
        CHECK(done.starts_with("a OK [APPENDUID "));
        CHECK(done.contains(" 1] "));
        const auto plus = co_await client.say("APPEND Sent {" + std::to_string(text.size()) + "+}\r\n" + text);
        CHECK(plus.back().starts_with("OK [APPENDUID "));
        const auto missing = co_await client.say("APPEND nowhere {3+}\r\na\r\n");
        CHECK(missing.back().starts_with("NO [TRYCREATE]"));
        co_await client.say("SELECT Sent");
        const auto fetched = co_await client.say("FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[])");
        CHECK(fetched.front().contains("\\Seen"));
        CHECK(fetched.front().contains("\"24-Nov-2026 12:05:09 +0000\""));
        CHECK(fetched.front().contains("}\r\n" + text));
      },
      capacity);
}

TEST_CASE("the lines of what is appended end in CRLF, but in what is binary", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    const std::string binary = "Content-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\na\nb\r\n";
    co_await append(client, "Subject: lf\nFrom: a@a.test\n\none\r\n.\ntwo");
    co_await append(client, binary);
    co_await client.say("SELECT INBOX");
    const auto ended = co_await client.say("FETCH 1 (RFC822.SIZE BODY.PEEK[])");
    CHECK(has(ended, "* 1 FETCH (RFC822.SIZE 42 BODY[] {42}\r\nSubject: lf\r\nFrom: a@a.test\r\n\r\none\r\n.\r\ntwo)"));
    const auto kept = co_await client.say("FETCH 2 BODY.PEEK[]");
    CHECK(kept.front().contains("}\r\n" + binary));
  });
}

TEST_CASE("APPEND is refused before the literal where there is no room for it", "[imapd]") {
  Server server;
  server.quota = {.bytes = 1000, .messages = 0};
  server.options.message_size = 5000;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    co_await client.send("a APPEND INBOX {2000}\r\n");
    const auto full = co_await client.line();
    CHECK(full.starts_with("a NO [OVERQUOTA]"));
    co_await client.send("b APPEND INBOX {9000}\r\n");
    const auto large = co_await client.line();
    CHECK(large.starts_with("b NO [TOOBIG]"));
    const auto still = co_await client.say("NOOP");
    CHECK(still.back().starts_with("OK "));
  });
}

TEST_CASE("SEARCH FROM, TO and CC look at what ENVELOPE shows too", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(
        "From: <user1 (comment)@ (more) domain.example>\r\nTo: ann . lee @a.test\r\nCc: \"b.b\"@b.test\r\n\r\n");
    co_await client.say("SELECT INBOX");
    for (const std::string key : {"FROM user1@domain.example", "FROM \"user1 (comment)@\"", "TO ann.lee@a.test",
                                  "TO \"ann . lee\"", "CC b.b@b.test", "HEADER From user1@domain"}) {
      const auto found = co_await client.say("SEARCH " + key);
      INFO(key);
      CHECK(found.front() == "* SEARCH 1");
    }
    const auto other = co_await client.say("SEARCH FROM user2@domain.example");
    CHECK(other.front() == "* SEARCH");
  });
}

TEST_CASE("APPEND takes as much memory as there is for messages, and gives it back", "[imapd]") {
  Server server;
  service::ByteBudget budget(1000);
  server.services.budget = &budget;
  // The session reads the message in small pieces.
  constexpr std::size_t kCapacity = 64;
  server.run_in(
      [](Client& client, Server& here) -> async::Task<void> {
        const std::string message = "Subject: x\r\n\r\n" + std::string(886, 'x');
        const auto append = "APPEND INBOX {" + std::to_string(message.size()) + "+}\r\n" + message;
        const auto first = co_await client.say(append);
        CHECK(first.back().starts_with("OK [APPENDUID "));
        CHECK(here.services.budget->taken() == 0);
        // Another session has taken some.
        CHECK(here.services.budget->take(500));
        const auto asked = co_await client.say("APPEND INBOX {900}");
        CHECK(asked.back().starts_with("NO [UNAVAILABLE] "));
        const auto sent = co_await client.say(append);
        CHECK(sent.back().starts_with("NO [UNAVAILABLE] "));
        CHECK(here.services.budget->taken() == 500);
        here.services.budget->give_back(500);
        const auto last = co_await client.say(append);
        CHECK(last.back().starts_with("OK [APPENDUID "));
      },
      kCapacity);
  CHECK(budget.taken() == 0);
}

TEST_CASE("a binary message is encoded for BODY and given back as it was by BINARY: RFC 3516 section 4.4", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    using namespace std::string_literals;
    const auto bytes = "\0\r\n\xFF\0"s;
    const auto message =
        "From: a@a.test\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
        "Content-Transfer-Encoding: binary\r\n\r\n" +
        bytes;
    const auto made = co_await client.say("APPEND INBOX ~{" + std::to_string(message.size()) + "+}\r\n" + message);
    CHECK(made.back().starts_with("OK [APPENDUID "));
    co_await client.say("SELECT INBOX");
    const auto encoded = co_await client.say("FETCH 1 BODY.PEEK[1]");
    CHECK(has(encoded, "* 1 FETCH (BODY[1] {10}\r\nAA0K/wA=\r\n)"));
    const auto decoded = co_await client.say("FETCH 1 (BINARY.SIZE[1] BINARY.PEEK[1])");
    CHECK(has(decoded, "* 1 FETCH (BINARY.SIZE[1] 5 BINARY[1] ~{5}\r\n" + bytes + ")"));
    const auto header = "From: \0\r\n\r\n"s;
    const auto refused = co_await client.say("APPEND INBOX ~{" + std::to_string(header.size()) + "+}\r\n" + header);
    CHECK(refused.back().starts_with("NO [UNKNOWN-CTE]"));
  });
}
