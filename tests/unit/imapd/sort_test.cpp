// SORT and THREAD in a session: RFC 5256, RFC 5957 (SORT=DISPLAY), RFC 5267 (ESORT), RFC 9394 (PARTIAL).
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

std::string mail(const std::string& from, const std::string& subject, const std::string& id,
                 const std::string& references = {}) {
  return "From: " + from + "\r\nSubject: " + subject + "\r\nMessage-ID: <" + id + "@x>\r\n" +
         (references.empty() ? "" : "References: <" + references + "@x>\r\n") +
         "Date: Tue, 24 Nov 2026 13:05:09 +0000\r\n\r\nText\r\n";
}

async::Task<void> deliver_three(Server& here) {
  co_await here.deliver(mail("zoe@x", "beta", "1"));
  co_await here.deliver(mail("\"Anton\" <yan@x>", "Alpha", "2"));
  co_await here.deliver(mail("xi@x", "Re: beta", "3", "1"));
}

}  // namespace

TEST_CASE("SORT gives numbers or UIDs in order", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await deliver_three(here);
    co_await client.say("SELECT INBOX");
    const auto subject = co_await client.say("SORT (SUBJECT) UTF-8 ALL");
    CHECK(has(subject, "* SORT 2 1 3"));
    const auto from = co_await client.say("UID SORT (FROM) US-ASCII 1:3");
    CHECK(has(from, "* SORT 3 2 1"));
    const auto display = co_await client.say("SORT (REVERSE DISPLAYFROM) US-ASCII ALL");
    CHECK(has(display, "* SORT 1 3 2"));
    const auto none = co_await client.say("SORT (SIZE) US-ASCII SEEN");
    CHECK(has(none, "* SORT"));
    const auto charset = co_await client.say("SORT (SIZE) X-NONE ALL");
    CHECK(charset.back().starts_with("NO [BADCHARSET"));
  });
}

TEST_CASE("RETURN of SORT and SEARCH", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await deliver_three(here);
    co_await client.say("SELECT INBOX");
    const auto sorted = co_await client.say("SORT RETURN (MIN MAX ALL COUNT) (REVERSE FROM) US-ASCII ALL");
    CHECK(has(sorted, R"(* ESEARCH (TAG "x") MIN 1 MAX 3 ALL 1:3 COUNT 3)"));
    const auto turned = co_await client.say("UID SORT RETURN () (FROM) US-ASCII ALL");
    CHECK(has(turned, R"(* ESEARCH (TAG "x") UID ALL 3,2,1)"));
    const auto part = co_await client.say("SORT RETURN (PARTIAL 3:2) (FROM) US-ASCII ALL");
    CHECK(has(part, R"(* ESEARCH (TAG "x") PARTIAL (2:3 2,1))"));
    const auto last = co_await client.say("SEARCH RETURN (PARTIAL -1:-2 SAVE COUNT) ALL");
    CHECK(has(last, R"(* ESEARCH (TAG "x") COUNT 3 PARTIAL (-1:-2 2:3))"));
    const auto beyond = co_await client.say("SEARCH RETURN (PARTIAL 4:9) ALL");
    CHECK(has(beyond, R"(* ESEARCH (TAG "x") PARTIAL (4:9 NIL))"));
    const auto both = co_await client.say("SEARCH RETURN (PARTIAL 1:2 ALL) ALL");
    CHECK(both.back().starts_with("BAD "));
    co_await client.say("SEARCH RETURN (SAVE PARTIAL 1:2) ALL");
    const auto saved = co_await client.say("SEARCH $");
    CHECK(has(saved, "* SEARCH 1 2"));
    const auto fetched = co_await client.say("UID FETCH 1:* (UID) (PARTIAL -1:-2)");
    CHECK(fetched.size() == 3);
    CHECK(has(fetched, "* 2 FETCH (UID 2)"));
    CHECK(has(fetched, "* 3 FETCH (UID 3)"));
    const auto by_number = co_await client.say("FETCH 1:* (UID) (PARTIAL 1:2)");
    CHECK(by_number.back().starts_with("BAD "));
  });
}

TEST_CASE("THREAD", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await deliver_three(here);
    co_await client.say("SELECT INBOX");
    const auto references = co_await client.say("THREAD REFERENCES UTF-8 ALL");
    CHECK(has(references, "* THREAD (1 3)(2)"));
    const auto subjects = co_await client.say("UID THREAD ORDEREDSUBJECT UTF-8 ALL");
    CHECK(has(subjects, "* THREAD (1 3)(2)"));
    const auto none = co_await client.say("THREAD REFERENCES UTF-8 SEEN");
    CHECK(has(none, "* THREAD"));
    const auto unknown = co_await client.say("THREAD REFS UTF-8 ALL");
    CHECK(unknown.back().starts_with("BAD "));
  });
}
