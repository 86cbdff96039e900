// UTF8=ACCEPT: RFC 9755.
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

const std::string kHeader =
    "Subject: Gr\xC3\xBC\xC3\x9F"
    "e\r\n\r\n";  // 20 octets

}  // namespace

TEST_CASE("who has enabled UTF8=ACCEPT says and hears names in UTF-8", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    auto done = co_await client.say("CAPABILITY");
    CHECK(done[0].contains(" UTF8=ACCEPT"));
    done = co_await client.say("CREATE \"Entw&APw-rfe\"");
    CHECK(done.back().starts_with("OK "));
    done = co_await client.say("ENABLE UTF8=ACCEPT");
    CHECK(has(done, "* ENABLED UTF8=ACCEPT"));
    done = co_await client.say("LIST \"\" \"Entw*\"");
    CHECK(done[0].ends_with(" \"Entw\xC3\xBCrfe\""));
    done = co_await client.say("STATUS \"Entw\xC3\xBCrfe\" (MESSAGES)");
    CHECK(has(done, "* STATUS \"Entw\xC3\xBCrfe\" (MESSAGES 0)"));
    done = co_await client.say("CREATE \"line\xE2\x80\xA8separator\"");
    CHECK(done.back().starts_with("NO [CANNOT]"));
    done = co_await client.say("CREATE \"\xC3\"");
    CHECK(done.back().starts_with("BAD "));
  });
}

TEST_CASE("UTF-8 in a header is for those who have enabled it", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    const auto literal = "{20+}\r\n" + kHeader;
    auto done = co_await client.say("APPEND INBOX " + literal);
    CHECK(done.back().starts_with("NO [CANNOT] "));
    done = co_await client.say("APPEND INBOX UTF8 (~" + literal + ")");
    CHECK(done.back().starts_with("BAD "));
    done = co_await client.say("APPEND INBOX {14+}\r\nA: b\r\n\r\nGr\xC3\xBC\xC3\x9F");
    CHECK(done.back().starts_with("OK "));
    co_await client.say("ENABLE UTF8=ACCEPT");
    done = co_await client.say("APPEND INBOX (\\Seen) UTF8 (~" + literal + ")");
    CHECK(done.back().starts_with("OK "));
    done = co_await client.say("APPEND INBOX CATENATE (UTF8 (~" + literal + ") TEXT {1+}\r\nx)");
    CHECK(done.back().starts_with("OK "));
    co_await client.say("SELECT INBOX");
    done = co_await client.say("UID REPLACE 1 INBOX UTF8 (~" + literal + ")");
    CHECK(done.back().starts_with("OK "));
    done = co_await client.say("UID FETCH 2:3 BODY.PEEK[]");
    CHECK(done[0] == "* 1 FETCH (UID 2 BODY[] {20}\r\n" + kHeader + ")");
    CHECK(done[1] == "* 2 FETCH (UID 3 BODY[] {21}\r\n" + kHeader + "x)");
    done = co_await client.say("SEARCH SUBJECT \"gr\xC3\xBC\xC3\x9F\"");
    CHECK(done[0] == "* SEARCH 1 2 3");
  });
}

TEST_CASE("UTF8=ACCEPT leaves no choice of charsets, IMAP4rev2 does", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await server.deliver(letter("one"));
    co_await client.say("ENABLE IMAP4rev2");
    co_await client.say("SELECT INBOX");
    auto done = co_await client.say("SEARCH CHARSET UTF-8 ALL");
    CHECK(done.back().starts_with("OK "));
    co_await client.say("ENABLE UTF8=ACCEPT");
    static constexpr const char* kWrong[] = {"SEARCH CHARSET UTF-8 ALL", "UID SEARCH CHARSET US-ASCII ALL",
                                             "ESEARCH IN (PERSONAL) CHARSET UTF-8 ALL", "SORT (DATE) US-ASCII ALL",
                                             "THREAD REFERENCES US-ASCII ALL"};
    for (const auto* command : kWrong) {
      done = co_await client.say(command);
      CHECK(done.back().starts_with("BAD "));
    }
    static constexpr const char* kRight[] = {"SEARCH ALL", "SORT (DATE) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL"};
    for (const auto* command : kRight) {
      done = co_await client.say(command);
      CHECK(done.back().starts_with("OK "));
    }
  });
}
