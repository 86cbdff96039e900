// MESSAGELIMIT: RFC 9738.
#include <fmt/format.h>

#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

/// ann is logged in; INBOX with six messages, UIDs 1 to 6, is selected; three messages are the limit.
class Limited : public Server {
 public:
  Limited() { options.message_limit = 3; }
  void run_selected(Script script) {
    selected_ = script;
    run_in([](Client& client, Server& server) -> async::Task<void> {
      for (int n = 1; n <= 6; ++n) co_await server.deliver(letter(fmt::format("number{}", n)));
      co_await client.say("SELECT INBOX");
      co_await static_cast<Limited&>(server).selected_(client, server);
    });
  }

 private:
  Script selected_ = nullptr;
};

bool done_in_part(const std::vector<std::string>& lines, std::string_view code) {
  INFO(lines.back());
  return lines.back().starts_with("OK [" + std::string(code) + "] ");
}

bool done_whole(const std::vector<std::string>& lines) {
  INFO(lines.back());
  return lines.back().starts_with("OK ") && !lines.back().contains("MESSAGELIMIT");
}

}  // namespace

TEST_CASE("FETCH and STORE work on the newest messages and say from which on", "[imapd]") {
  Limited server;
  server.run_selected([](Client& client, Server&) -> async::Task<void> {
    auto done = co_await client.say("CAPABILITY");
    CHECK(done[0].contains(" MESSAGELIMIT=3 "));
    done = co_await client.say("FETCH 1:* (UID)");
    CHECK(done.size() == 4);
    CHECK(has(done, "* 4 FETCH (UID 4)"));
    CHECK(has(done, "* 6 FETCH (UID 6)"));
    CHECK(done_in_part(done, "MESSAGELIMIT 3 4"));
    done = co_await client.say("UID FETCH 1:3,5 (UID)");
    CHECK(done.size() == 4);
    CHECK(has(done, "* 2 FETCH (UID 2)"));
    CHECK(done_in_part(done, "MESSAGELIMIT 3 2"));
    done = co_await client.say("UID FETCH 1:3 (UID)");
    CHECK(done.size() == 4);
    CHECK(done_whole(done));
    done = co_await client.say("UID STORE 1:* +FLAGS (\\Flagged)");
    CHECK(done.size() == 4);
    CHECK(done_in_part(done, "MESSAGELIMIT 3 4"));
    done = co_await client.say("STORE 1,2:4,6 +FLAGS.SILENT (\\Answered)");
    CHECK(done_in_part(done, "MESSAGELIMIT 3 3"));
    done = co_await client.say("SEARCH ANSWERED UIDBEFORE 4");
    CHECK(done[0] == "* SEARCH 3");
    done = co_await client.say("SEARCH FLAGGED UIDAFTER 4");
    CHECK(done[0] == "* SEARCH 5 6");
    done = co_await client.say("FETCH 7 (UID)");
    CHECK(done.back().starts_with("BAD "));
  });
}

TEST_CASE("STOREs that come together are limited one by one", "[imapd]") {
  Limited server;
  server.run_selected([](Client& client, Server&) -> async::Task<void> {
    co_await client.send("a STORE 1:4 +FLAGS.SILENT (\\Flagged)\r\nb STORE 1:2 +FLAGS.SILENT (\\Flagged)\r\n");
    const auto first = co_await client.until("a");
    CHECK(first.back().starts_with("a OK [MESSAGELIMIT 3 2] "));
    const auto second = co_await client.until("b");
    CHECK(second.back().starts_with("b OK Stored"));
    const auto done = co_await client.say("SEARCH FLAGGED UID 1:3");
    CHECK(done[0] == "* SEARCH 1 2 3");
  });
}

TEST_CASE("SEARCH looks at the newest of the messages that its keys name", "[imapd]") {
  Limited server;
  server.run_selected([](Client& client, Server&) -> async::Task<void> {
    auto done = co_await client.say("UID SEARCH SUBJECT number");
    CHECK(done[0] == "* SEARCH 4 5 6");
    CHECK(done_in_part(done, "MESSAGELIMIT 3 4"));
    done = co_await client.say("SEARCH NOT UIDAFTER 2");
    CHECK(done[0] == "* SEARCH");
    CHECK(done_in_part(done, "MESSAGELIMIT 3 4"));
    done = co_await client.say("SEARCH 1:2 (UID 2:4 SUBJECT number)");
    CHECK(done[0] == "* SEARCH 2");
    CHECK(done_whole(done));
    done = co_await client.say("UID SEARCH RETURN (SAVE COUNT) UID 1:5");
    CHECK(done[0].ends_with(" COUNT 3"));
    CHECK(done_in_part(done, "MESSAGELIMIT 3 3"));
    done = co_await client.say("UID FETCH $ (UID)");
    CHECK(done.size() == 4);
    CHECK(has(done, "* 3 FETCH (UID 3)"));
    CHECK(done_whole(done));
    static constexpr const char* kWhole[] = {"SORT (DATE) UTF-8 ALL", "UID THREAD REFERENCES UTF-8 SEEN"};
    for (const auto* command : kWhole) {
      done = co_await client.say(command);
      CHECK(done.back().starts_with("NO [MESSAGELIMIT 3] "));
    }
    done = co_await client.say("SORT (REVERSE SUBJECT) UTF-8 UIDAFTER 3");
    CHECK(done[0] == "* SORT 6 5 4");
    CHECK(done_whole(done));
  });
}

TEST_CASE("COPY and APPEND are done whole or not at all", "[imapd]") {
  Limited server;
  server.run_selected([](Client& client, Server&) -> async::Task<void> {
    auto done = co_await client.say("UID COPY 1:* Drafts");
    CHECK(done.back().starts_with("NO [MESSAGELIMIT 3 4] "));
    done = co_await client.say("APPEND Drafts {1+}\r\na {1+}\r\nb {1+}\r\nc {1+}\r\nd");
    CHECK(done.back().starts_with("NO [MESSAGELIMIT 3] "));
    done = co_await client.say("STATUS Drafts (MESSAGES)");
    CHECK(has(done, "* STATUS Drafts (MESSAGES 0)"));
    done = co_await client.say("COPY 1:3 Drafts");
    CHECK(done.back().starts_with("OK [COPYUID "));
    done = co_await client.say("UID FETCH 1:* (UID) (PARTIAL 1:4)");
    CHECK(done.back().starts_with("NO [MESSAGELIMIT 3] "));
    done = co_await client.say("UID FETCH 1:* (UID) (PARTIAL -1:-3)");
    CHECK(done.size() == 4);
    CHECK(done_whole(done));
  });
}

TEST_CASE("MOVE and UID EXPUNGE go on where they left off", "[imapd]") {
  Limited server;
  server.run_selected([](Client& client, Server&) -> async::Task<void> {
    co_await client.say("UID STORE 1:3 +FLAGS.SILENT (\\Deleted)");
    co_await client.say("UID STORE 5 +FLAGS.SILENT (\\Deleted)");
    auto done = co_await client.say("UID EXPUNGE 1:*");
    CHECK(done_in_part(done, "MESSAGELIMIT 3 2"));
    done = co_await client.say("UID SEARCH ALL");
    CHECK(done[0] == "* SEARCH 1 4 6");
    co_await client.say("APPEND INBOX {1+}\r\nx");
    done = co_await client.say("UID MOVE 1:* Drafts");
    CHECK(done[0].contains(" 4,6:7 1:3]"));
    CHECK(done_in_part(done, "MESSAGELIMIT 3 4"));
    done = co_await client.say("UID MOVE 1:* Drafts");
    CHECK(done_whole(done));
    co_await client.say("SELECT Drafts");
    co_await client.say("STORE 1:3 +FLAGS.SILENT (\\Deleted)");
    co_await client.say("STORE 4 +FLAGS.SILENT (\\Deleted)");
    done = co_await client.say("EXPUNGE");
    CHECK(done.size() == 5);
    CHECK(done_whole(done));
  });
}

TEST_CASE("where the tagged response has another code, the limit goes before it", "[imapd]") {
  Limited server;
  server.run_selected([](Client& client, Server&) -> async::Task<void> {
    co_await client.say("ENABLE QRESYNC");
    auto done = co_await client.say("UID STORE 1:* (UNCHANGEDSINCE 1) +FLAGS (\\Flagged)");
    CHECK(done.back().starts_with("OK [MODIFIED 4:6] "));
    CHECK(done[done.size() - 2].starts_with("* NO [MESSAGELIMIT 3 4] "));
    done = co_await client.say("UID MOVE 1:* Drafts");
    CHECK(done.back().starts_with("OK [HIGHESTMODSEQ "));
    CHECK(done[done.size() - 2].starts_with("* NO [MESSAGELIMIT 3 4] "));
    CHECK(has(done, "* VANISHED 4:6"));
    // What has vanished is told with the messages around it, and below them not yet.
    co_await client.say("UID STORE 2 +FLAGS (\\Deleted)");
    co_await client.say("UID EXPUNGE 2");
    co_await client.say("APPEND INBOX {1+}\r\nx {1+}\r\ny");
    done = co_await client.say("UID FETCH 1:* (UID) (CHANGEDSINCE 1 VANISHED)");
    CHECK(has(done, "* VANISHED (EARLIER) 4:6"));
    CHECK(done_in_part(done, "MESSAGELIMIT 3 3"));
  });
}
