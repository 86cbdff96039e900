// METADATA: RFC 5464, LIST-METADATA: RFC 9590.
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

TEST_CASE("annotations are set, told and taken away", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    const auto capability = co_await client.say("CAPABILITY");
    CHECK(capability[0].contains(" METADATA LIST-METADATA "));
    auto done = co_await client.say("SETMETADATA Sent (/private/Comment \"mine\" /shared/vendor/x/y ~{2+}\r\n" +
                                    std::string("\0z", 2) + ")");
    CHECK(done.back().starts_with("OK "));
    done = co_await client.say("GETMETADATA Sent (/private/comment /shared/comment /shared/vendor/x/y)");
    CHECK(has(done, "* METADATA Sent (/private/comment \"mine\" /shared/comment NIL /shared/vendor/x/y ~{2}\r\n" +
                        std::string("\0z", 2) + ")"));
    done = co_await client.say("GETMETADATA INBOX /private/comment");
    CHECK(has(done, "* METADATA INBOX (/private/comment NIL)"));
    done = co_await client.say("SETMETADATA Sent (/private/comment NIL)");
    CHECK(done.back().starts_with("OK "));
    done = co_await client.say("GETMETADATA (DEPTH infinity) Sent (/private /shared)");
    CHECK(done.size() == 2);
    CHECK(done[0].starts_with("* METADATA Sent (/private/specialuse \"\\\\Sent\" /shared/vendor/x/y "));
  });
}

TEST_CASE("each annotation is told once, however often it is asked for", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    co_await client.say("SETMETADATA INBOX (/private/a \"1\" /private/a/b \"2\")");
    auto done = co_await client.say("GETMETADATA (DEPTH infinity) INBOX (/private/a /private /private /private/a/b)");
    CHECK(has(done, R"(* METADATA INBOX (/private/a "1" /private/a/b "2"))"));
    done = co_await client.say("GETMETADATA INBOX (/private/a /private/a)");
    CHECK(has(done, R"(* METADATA INBOX (/private/a "1"))"));
    done = co_await client.say("LIST \"\" INBOX RETURN (METADATA (/private/a/b /private/a/b))");
    CHECK(has(done, R"(* METADATA INBOX (/private/a/b "2"))"));
  });
}

TEST_CASE("the use of a mailbox is one, and not for the client to make up: RFC 6154 section 4", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    auto done = co_await client.say("GETMETADATA Sent (/private/specialuse /shared/specialuse)");
    CHECK(has(done, R"(* METADATA Sent (/private/specialuse "\\Sent" /shared/specialuse NIL))"));
    done = co_await client.say("GETMETADATA INBOX /private/specialuse");
    CHECK(has(done, "* METADATA INBOX (/private/specialuse NIL)"));
    for (const auto* const value : {R"("\\Sent")", "NIL", R"("\\Foo")"}) {
      done = co_await client.say("SETMETADATA INBOX (/private/comment \"x\" /private/SpecialUse " + std::string(value) +
                                 ")");
      CHECK(done.back().starts_with("NO [CANNOT]"));
    }
    done = co_await client.say("GETMETADATA INBOX /private/comment");
    CHECK(has(done, "* METADATA INBOX (/private/comment NIL)"));
    done = co_await client.say("LIST \"\" Drafts RETURN (METADATA (/private/specialuse))");
    CHECK(has(done, R"(* METADATA Drafts (/private/specialuse "\\Drafts"))"));
    done = co_await client.say("SETMETADATA \"\" (/private/specialuse \"mine\")");
    CHECK(done.back().starts_with("OK "));
  });
}

TEST_CASE("of the server each user has private ones", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    auto done = co_await client.say("SETMETADATA \"\" (/private/a 1)");
    CHECK(done.back().starts_with("BAD "));
    done = co_await client.say("SETMETADATA \"\" (/private/a \"1\")");
    CHECK(done.back().starts_with("OK "));
    done = co_await client.say("SETMETADATA \"\" (/shared/a \"1\")");
    CHECK(done.back().starts_with("NO [NOPERM]"));
    done = co_await client.say("GETMETADATA \"\" (/private/a /shared/a)");
    CHECK(has(done, R"(* METADATA "" (/private/a "1" /shared/a NIL))"));
  });
}

TEST_CASE("how deep and how long", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    auto done = co_await client.say(
        R"(SETMETADATA INBOX (/private/a "0" /private/a/b "one" /private/a/b/c "two" /private/ab "x"))");
    CHECK(done.back().starts_with("OK "));
    done = co_await client.say("GETMETADATA INBOX (DEPTH 1) (/private/a)");
    CHECK(has(done, R"(* METADATA INBOX (/private/a "0" /private/a/b "one"))"));
    done = co_await client.say("GETMETADATA (DEPTH infinity MAXSIZE 1) INBOX /private/a");
    CHECK(has(done, R"(* METADATA INBOX (/private/a "0"))"));
    CHECK(done.back().starts_with("OK [METADATA LONGENTRIES 3]"));
    done = co_await client.say("SETMETADATA INBOX (/private/a {40000+}\r\n" + std::string(40'000, 'x') + ")");
    CHECK(done.back().starts_with("NO [METADATA MAXSIZE 32768]"));
    std::string many = "SETMETADATA INBOX (";
    for (int n = 0; n < 998; ++n) many += "/private/" + std::to_string(n) + " \"\" ";
    done = co_await client.say(many + "/private/last \"\")");
    CHECK(done.back().starts_with("NO [METADATA TOOMANY]"));
    static constexpr const char* kWrong[] = {"comment",     "/other/a", "/private/a/", "/private//a",
                                             "/private/a*", "/private", "/privatea"};
    for (const auto* entry : kWrong) {
      INFO(entry);
      done = co_await client.say("SETMETADATA INBOX (\"" + std::string(entry) + "\" \"x\")");
      CHECK(done.back().starts_with("BAD "));
    }
    done = co_await client.say("GETMETADATA Nowhere /private/a");
    CHECK(done.back().starts_with("NO [NONEXISTENT]"));
  });
}

TEST_CASE("LIST tells them with the mailboxes", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    co_await client.say("SETMETADATA Sent (/shared/comment \"x\")");
    const auto listed = co_await client.say("LIST \"\" (Sent INBOX) RETURN (METADATA (/shared/comment))");
    CHECK(has(listed, "* METADATA INBOX (/shared/comment NIL)"));
    CHECK(has(listed, R"(* METADATA Sent (/shared/comment "x"))"));
    CHECK(listed.size() == 5);
    const auto wrong = co_await client.say("LIST \"\" INBOX RETURN (METADATA (comment))");
    CHECK(wrong.back().starts_with("BAD "));
  });
}
