// CATENATE: RFC 4469; parts of parts: RFC 5550.
#include <fmt/format.h>

#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

const std::string kParts =
    "Subject: parts\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nfirst\r\n--b\r\n"
    "Content-Type: text/html\r\n\r\n<p>second</p>\r\n--b--\r\n";

/// APPEND of one message to Drafts; its parts as CATENATE has them.
std::string catenate(std::string_view parts) { return fmt::format("APPEND Drafts CATENATE ({})", parts); }

std::string text(std::string_view bytes) { return fmt::format("TEXT {{{}+}}\r\n{}", bytes.size(), bytes); }

/// The whole of a message in Drafts.
async::Task<std::string> draft(Client& client, std::uint32_t uid) {
  co_await client.say("EXAMINE Drafts");
  auto lines = co_await client.say(fmt::format("UID FETCH {} (BODY.PEEK[])", uid));
  co_await client.say("UNSELECT");
  const auto& line = lines.front();
  const auto start = line.find("}\r\n");
  co_return start == std::string::npos ? line : line.substr(start + 3, line.size() - start - 4);
}

}  // namespace

TEST_CASE("a draft takes over parts of other messages", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    const auto offered = co_await client.say("CAPABILITY");
    CHECK(offered[0].contains(" CATENATE "));
    CHECK(offered[0].contains(" URL-PARTIAL "));
    co_await server.deliver(kParts);
    auto done = co_await client.say(catenate("URL \"/INBOX/;UID=1\""));
    CHECK(done.back().contains("[APPENDUID "));
    auto made = co_await draft(client, 1);
    CHECK(made == kParts);
    co_await client.say(catenate(
        "URL \"/INBOX/;UID=1/;SECTION=HEADER.FIELDS%20(subject)\" " + text("more\r\n") +
        " URL /INBOX/;UID=1/;section=2 URL /INBOX/;UID=1/;SECTION=2/;PARTIAL=3.6 URL /INBOX/;UID=1/;PARTIAL=9999"));
    made = co_await draft(client, 2);
    CHECK(made == "Subject: parts\r\n\r\nmore\r\n<p>second</p>second");
    co_await client.say("SELECT INBOX");
    done = co_await client.say(catenate("URL ;UID=1/;SECTION=1 " + text("!")));
    CHECK(done.back().starts_with("OK "));
    done = co_await client.say("FETCH 1 (FLAGS)");
    CHECK(done[0] == "* 1 FETCH (FLAGS (\\Recent))");
    made = co_await draft(client, 3);
    CHECK(made == "first!");
  });
}

TEST_CASE("CATENATE in one of several messages and in REPLACE", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await server.deliver(letter("one"));
    auto done = co_await client.say("APPEND Drafts {1+}\r\na (\\Seen) CATENATE (" + text("b") + " " + text("c") +
                                    ") CATENATE (URL /INBOX/;UID=1)");
    CHECK(done.back().contains(" 1:3]"));
    auto made = co_await draft(client, 2);
    CHECK(made == "bc");
    co_await client.say("SELECT Drafts");
    done = co_await client.say("UID REPLACE 2 Drafts CATENATE (URL ;UID=2 " + text("d") + ")");
    CHECK(has(done, "* 2 EXPUNGE"));
    CHECK(done.back().starts_with("OK "));
    made = co_await draft(client, 4);
    CHECK(made == "bcd");
    done = co_await client.say("APPEND Drafts CATENATE (" + text("e") + ") CATENATE (URL /INBOX/;UID=2)");
    CHECK(done.back().starts_with("NO [BADURL /INBOX/;UID=2] "));
    done = co_await client.say("STATUS Drafts (MESSAGES)");
    CHECK(has(done, "* STATUS Drafts (MESSAGES 3)"));
  });
}

TEST_CASE("a URL that leads nowhere is named in the reply", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await server.deliver(letter("one"));
    static constexpr const char* kNowhere[] = {
        "/Nowhere/;UID=1",
        "/INBOX/;UID=2",
        "/INBOX;UIDVALIDITY=1/;UID=1",
        "/INBOX/;UID=1/;SECTION=2",
        "/INBOX",
        "/INBOX/;UID=1/;SECTION=x",
        ";UID=1",
        "imap://other.test/INBOX/;UID=1",
    };
    for (const auto* url : kNowhere) {
      const auto done = co_await client.say(catenate("URL \"" + std::string(url) + "\""));
      CHECK(done.back().starts_with("NO [BADURL " + std::string(url) + "] "));
    }
    auto done = co_await client.say(catenate(text("")));
    CHECK(done.back().starts_with("NO "));
    done = co_await client.say("APPEND Nowhere CATENATE (URL /INBOX/;UID=1)");
    CHECK(done.back().starts_with("NO [TRYCREATE] "));
    done = co_await client.say("STATUS Drafts (MESSAGES)");
    CHECK(has(done, "* STATUS Drafts (MESSAGES 0)"));
  });
}

TEST_CASE("what is put together counts as much as what is sent", "[imapd]") {
  Server server;
  service::ByteBudget budget(3'000);
  server.options.message_size = 1'000;
  server.services.budget = &budget;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await server.deliver(std::string(400, 'x') + "\r\n");
    const std::string url = "URL /INBOX/;UID=1";
    auto done = co_await client.say(catenate(url + " " + url));
    CHECK(done.back().starts_with("OK "));
    done = co_await client.say(catenate(url + " " + url + " " + url));
    CHECK(done.back().starts_with("NO [TOOBIG] "));
    const auto two = " CATENATE (" + url + " " + url + ")";
    done = co_await client.say("APPEND Drafts" + two + two);
    CHECK(done.back().starts_with("OK "));
    done = co_await client.say("APPEND Drafts" + two + two + two);
    CHECK(done.back().starts_with("NO [TOOBIG] "));
    server.services.budget->take(2'500);
    done = co_await client.say(catenate(url + " " + url));
    CHECK(done.back().starts_with("NO [UNAVAILABLE] "));
    CHECK(server.services.budget->taken() == 2'500);
  });
}
