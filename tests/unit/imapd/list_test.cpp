// LIST with its options: RFC 9051 section 6.3.9, RFC 5258, RFC 6154; and what it says of a name that the client spelled
// otherwise (RFC 9051 section 6.3.9.7).
#include "imapd/pattern.h"
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

using Lines = std::vector<std::string>;

/// The names in LIST responses, with "+" behind those that have CHILDINFO.
std::string names_in(const Lines& lines) {
  std::string names;
  for (const auto& line : lines) {
    if (!line.starts_with("* LIST ")) continue;
    const auto name = line.find("\"/\" ") + 4;
    names += line.substr(name, line.find(' ', name) - name) + (line.contains("CHILDINFO") ? "+ " : " ");
  }
  return names;
}

bool any_starts_with(const Lines& lines, std::string_view text) {
  for (const auto& line : lines)
    if (line.starts_with(text)) return true;
  return false;
}

/// The mailboxes of example 8 in RFC 9051 section 6.3.9.8, and nothing else subscribed.
async::Task<void> make_example(Client& client) {
  for (const auto* name : {"Archive", "Drafts", "Junk", "Sent", "Trash"})
    co_await client.say(std::string("UNSUBSCRIBE ") + name);
  for (const auto* name : {"foo2", "foo2/bar1", "foo2/bar2", "baz2", "baz2/bar2", "baz2/bar22", "baz2/bar222", "eps2",
                           "eps2/mamba", "qux2/bar2"})
    co_await client.say(std::string("CREATE ") + name);
  for (const auto* name :
       {"foo2/bar1", "foo2/bar2", "baz2/bar2", "baz2/bar22", "baz2/bar222", "eps2", "eps2/mamba", "qux2/bar2"})
    co_await client.say(std::string("SUBSCRIBE ") + name);
}

}  // namespace

TEST_CASE("RECURSIVEMATCH tells of children that are chosen, whether or not they are listed", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    co_await make_example(client);
    const auto some = co_await client.say(R"(LIST (RECURSIVEMATCH SUBSCRIBED) "" "*2")");
    CHECK(names_in(some) == "baz2/bar2 baz2/bar22 baz2/bar222 eps2+ foo2+ foo2/bar2 qux2/bar2 ");
    CHECK(has(some, R"(* LIST (\HasChildren \Subscribed) "/" eps2 ("CHILDINFO" ("SUBSCRIBED")))"));
    CHECK(has(some, R"(* LIST (\HasChildren) "/" foo2 ("CHILDINFO" ("SUBSCRIBED")))"));
    // What is subscribed itself keeps CHILDINFO where the child is listed as well; what is not would be redundant.
    const auto all = co_await client.say(R"(LIST (SUBSCRIBED RECURSIVEMATCH) "" *)");
    CHECK(names_in(all) == "baz2/bar2 baz2/bar22 baz2/bar222 eps2+ eps2/mamba foo2/bar1 foo2/bar2 qux2/bar2 ");
    const auto level = co_await client.say(R"(LIST (SUBSCRIBED RECURSIVEMATCH) "" %)");
    CHECK(names_in(level) == "baz2+ eps2+ foo2+ qux2+ ");
    // Example 7 A: without RECURSIVEMATCH nothing is said of children.
    const auto without = co_await client.say(R"(LIST (SUBSCRIBED) "" %)");
    CHECK(names_in(without) == "eps2 ");
  });
}

TEST_CASE("a parent that is listed for its children has no STATUS: RFC 9051 section 6.3.9.8, example 11", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    co_await make_example(client);
    const auto told =
        co_await client.say(R"(LIST (SUBSCRIBED RECURSIVEMATCH) "" (foo2 eps2) RETURN (STATUS (MESSAGES)))");
    CHECK(names_in(told) == "eps2+ foo2+ ");
    CHECK(has(told, "* STATUS eps2 (MESSAGES 0)"));
    CHECK_FALSE(any_starts_with(told, "* STATUS foo2 "));
  });
}

TEST_CASE("an empty pattern asks for the separator, and among options for nothing: RFC 9051 section 6.3.9", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    const auto basic = co_await client.say(R"(LIST Sent "")");
    CHECK(has(basic, R"(* LIST (\Noselect) "/" "")"));
    for (const auto* command : {R"(LIST "" (""))", R"(LIST Sent (""))", R"(LIST () Sent "")"}) {
      const auto nothing = co_await client.say(command);
      CHECK(nothing == Lines{"OK Listed"});
    }
    const auto rest = co_await client.say(R"(LIST "" ("" Sent))");
    CHECK(names_in(rest) == "Sent ");
  });
}

TEST_CASE("LIST finds a name in whatever form of Unicode it is asked for", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    co_await client.say("CREATE be&AwE-be");  // e and an accent
    for (const auto* pattern : {"be&AwE-be", "b&AOk-be", "b%e&AwE-%"}) {
      const auto found = co_await client.say(std::string("LIST \"\" ") + pattern);
      CHECK(names_in(found) == "b&AOk-be ");
    }
    co_await client.say("SUBSCRIBE be&AwE-be");
    const auto subscribed = co_await client.say("LSUB \"\" be&AwE-%");
    CHECK(has(subscribed, R"(* LSUB (\HasNoChildren) "/" b&AOk-be)"));
  });
}

TEST_CASE("CHILDINFO names the options that chose the children", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    co_await client.say(R"(CREATE a/sent (USE (\Sent)))");
    const auto by_use = co_await client.say(R"(LIST (SPECIAL-USE RECURSIVEMATCH) "" a)");
    CHECK(has(by_use, R"(* LIST (\HasChildren) "/" a ("CHILDINFO" ("SPECIAL-USE")))"));
    const auto none = co_await client.say(R"(LIST (SPECIAL-USE SUBSCRIBED RECURSIVEMATCH) "" a)");
    CHECK(names_in(none).empty());
    co_await client.say("SUBSCRIBE a/sent");
    const auto by_both = co_await client.say(R"(LIST (SPECIAL-USE SUBSCRIBED RECURSIVEMATCH) "" a)");
    CHECK(has(by_both, R"(* LIST (\HasChildren) "/" a ("CHILDINFO" ("SUBSCRIBED" "SPECIAL-USE")))"));
  });
}

TEST_CASE("CREATE gives the uses there are and no other attributes: RFC 6154 section 3", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    for (const auto* use : {"\\Noselect", "\\Foo", "\\Sent \\Foo"}) {
      const auto refused = co_await client.say(std::string("CREATE z (USE (") + use + "))");
      CHECK(refused.back().starts_with("NO [USEATTR]"));
      const auto listed = co_await client.say("LIST \"\" z");
      CHECK(names_in(listed).empty());
    }
    const auto made = co_await client.say(R"(CREATE z (USE (\SENT \sent \important)))");
    CHECK(made.back().starts_with("OK "));
    const auto listed = co_await client.say("LIST \"\" z");
    CHECK(has(listed, R"(* LIST (\HasNoChildren \Sent \Important) "/" z)"));
  });
}

TEST_CASE("a client of IMAP4rev2 is told the true name of what it spelled otherwise", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    const std::string apart = "\"e\xCC\x81\"";  // e and an accent
    const std::string composed = "\"\xC3\xA9\"";
    const auto tells = [&](std::string attributes, const std::string& name, const std::string& old) {
      return "* LIST (" + attributes + ") \"/\" " + name + " (\"OLDNAME\" (" + old + "))";
    };
    // Another client would not know what to make of it.
    const auto silent = co_await client.say("CREATE inbox/Sub");
    CHECK(silent.size() == 1);
    co_await client.say("ENABLE IMAP4rev2");
    const auto made = co_await client.say("CREATE " + apart);
    CHECK(has(made, tells("", composed, apart)));
    const auto selected = co_await client.say("SELECT " + apart);
    CHECK(has(selected, tells("", composed, apart)));
    const auto below = co_await client.say("EXAMINE inbox/Sub");
    CHECK(has(below, tells("", "INBOX/Sub", "inbox/Sub")));
    const auto moved = co_await client.say("RENAME " + apart + " plain");
    CHECK(has(moved, tells("", "plain", apart)));
    const auto back = co_await client.say("RENAME plain " + apart);
    CHECK(has(back, tells("", composed, "plain")));
    const auto appended = co_await client.say("APPEND " + apart + " {1+}\r\nx");
    CHECK(has(appended, tells("", composed, apart)));
    co_await client.say("SELECT " + apart);
    const auto copied = co_await client.say("COPY 1 " + apart);
    CHECK(has(copied, tells("", composed, apart)));
    const auto gone = co_await client.say("DELETE " + apart);
    CHECK(has(gone, tells("\\NonExistent", composed, apart)));
    for (const auto* command : {"CREATE a/", "SELECT a", "SELECT inbox", "RENAME a b/", "DELETE b"}) {
      const auto plain = co_await client.say(command);
      CHECK(plain.back().starts_with("OK "));
      for (const auto& line : plain) CHECK_FALSE(line.contains("OLDNAME"));
    }
  });
}

TEST_CASE("Patterns are matched whatever their length", "[imapd]") {
  using quartet::imapd::Pattern;
  const std::string level(100, 'a');
  CHECK(Pattern("*").matches("a/b"));
  CHECK(Pattern("%").matches("ab"));
  CHECK_FALSE(Pattern("%").matches("a/b"));
  CHECK(Pattern("%%/*%").matches("a/"));
  CHECK(Pattern("iNb%").matches("INBOX"));
  CHECK_FALSE(Pattern("inbox/X").matches("INBOX/x"));
  CHECK_FALSE(Pattern("").matches("a"));
  // Past the 64 places that are looked at together, wildcards among them.
  for (const std::size_t size : {62UL, 63UL, 64UL, 65UL, 127UL, 128UL}) {
    const std::string text(size, 'x');
    CHECK(Pattern(text).matches(text));
    CHECK(Pattern(text + "%").matches(text));
    CHECK(Pattern(text + "*y").matches(text + "y"));
    CHECK(Pattern(text + "%y").matches(text + "zy"));
    CHECK_FALSE(Pattern(text + "%y").matches(text + "/y"));
    CHECK_FALSE(Pattern(text).matches(text + "x"));
    CHECK_FALSE(Pattern(text + "x").matches(text));
  }
  std::string pattern;
  for (int n = 0; n < 50; ++n) pattern += "*a";
  CHECK(Pattern(pattern).matches(level));
  CHECK_FALSE(Pattern(pattern + "*b").matches(level));
}

TEST_CASE("The patterns of one LIST have a limit together", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    const std::string pattern(2000, 'a');
    std::string patterns = pattern;
    for (int n = 1; n < 4; ++n) patterns += " " + pattern;
    CHECK(has(co_await client.say("LIST \"\" (" + patterns + ")"), "OK Listed"));
    CHECK(has(co_await client.say("LIST \"\" (" + patterns + " " + pattern + ")"), "NO [LIMIT] Too long"));
  });
}
