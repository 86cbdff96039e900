// FUZZY of SEARCH and SORT, and how relevant what it finds is: RFC 6203.
#include "imapd/fuzzy_match.h"

#include <catch2/catch.hpp>

#include "common/mime/casemap.h"
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd;
using namespace quartet::imapd::test;

namespace {

int score(std::string_view text, std::string_view needle) {
  return FuzzyNeedle(mime::casemap(needle)).score(mime::casemap(text));
}

}  // namespace

TEST_CASE("distance between words", "[fuzzy]") {
  CHECK(distance(U"", U"", 0) == 0);
  CHECK(distance(U"HELLO", U"HELLO", 2) == 0);
  CHECK(distance(U"HELO", U"HELLO", 2) == 1);
  CHECK(distance(U"HELP", U"HELO", 2) == 1);
  CHECK(distance(U"RECIEVE", U"RECEIVE", 2) == 1);
  CHECK(distance(U"KITTEN", U"SITTING", 3) == 3);
  CHECK(distance(U"KITTEN", U"SITTING", 2) == 3);
  CHECK(distance(U"A", U"ABCDE", 3) == 4);
  CHECK(distance(U"ABC", U"CBA", 1) == 2);
  CHECK(distance(U"", U"AB", 2) == 2);
}

TEST_CASE("texts that match, and how well", "[fuzzy]") {
  CHECK(score("The IMAP break", "imap BREAK") == 100);
  CHECK(score("", "") == 100);
  CHECK(score("any", "") == 100);
  CHECK(score("unbreakable", "break") == 90);
  CHECK(score("break the IMAP", "IMAP break") == 89);
  CHECK(score("IMAP is broken", "IMAP break") == 44);
  CHECK(score("something else", "IMAP break") == 0);
  CHECK(score("Say hello", "Helo") == 66);
  CHECK(score("caf\u00e9", "cafe") == 90);
  CHECK(score("\u4f1a\u8bae", "\u4f1a\u8bae") == 100);
  CHECK(score("...", "?!") == 0);
  CHECK(score("cat", "car") == 0);
  CHECK(score("\xFF\xFE hello", "helo") > 0);
}

TEST_CASE("long words and texts are compared in part", "[fuzzy]") {
  const std::string word(100'000, 'x');
  CHECK(score(word + "y", word + "z") == 89);
  std::string many;
  for (int n = 0; n < 1'000; ++n) many += "w" + std::to_string(n) + " ";
  CHECK(score("w0 w1 w2 w3 w4 w5 w6 w7", many) > 0);
  CHECK(score("w20 w21", many) == 0);
}

namespace {

std::string mail(const std::string& subject, const std::string& text) {
  return "From: Bob <bob@b.test>\r\nSubject: " + subject + "\r\nDate: Tue, 24 Nov 2026 13:05:09 +0000\r\n\r\n" + text +
         "\r\n";
}

async::Task<void> deliver_four(Server& here) {
  co_await here.deliver(mail("IMAP break", "x"));
  co_await here.deliver(mail("nothing", "hello world"));
  co_await here.deliver(mail("broken IMAP", "Helo"));
  co_await here.deliver(mail("Re: other", std::string(100'000, 'x') + " hallo"));
}

}  // namespace

TEST_CASE("FUZZY finds what resembles the text", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await deliver_four(here);
    co_await client.say("SELECT INBOX");
    const auto exact = co_await client.say("SEARCH SUBJECT \"IMAP break\"");
    CHECK(has(exact, "* SEARCH 1"));
    const auto fuzzy = co_await client.say("SEARCH FUZZY (SUBJECT \"IMAP break\")");
    CHECK(has(fuzzy, "* SEARCH 1 3"));
    const auto mixed = co_await client.say("SEARCH FUZZY SUBJECT \"IMAP brek\" UNSEEN 2:*");
    CHECK(has(mixed, "* SEARCH 3"));
    const auto body = co_await client.say("SEARCH FUZZY BODY helo");
    CHECK(has(body, "* SEARCH 2 3"));
    const auto negated = co_await client.say("SEARCH NOT FUZZY TEXT helo");
    CHECK(has(negated, "* SEARCH 1 4"));
    const auto exactly_not = co_await client.say("SEARCH FUZZY NOT BODY helo");
    CHECK(has(exactly_not, "* SEARCH 1 2 4"));
    const auto field = co_await client.say("SEARCH FUZZY HEADER Subject imap");
    CHECK(has(field, "* SEARCH 1 3"));
    const auto there = co_await client.say("SEARCH FUZZY HEADER Bcc \"\"");
    CHECK(has(there, "* SEARCH"));
    const auto flags = co_await client.say("SEARCH FUZZY SEEN");
    CHECK(has(flags, "* SEARCH"));
  });
}

TEST_CASE("RELEVANCY tells how well, and SORT puts the most relevant first", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await deliver_four(here);
    co_await client.say("SELECT INBOX");
    const auto scores = co_await client.say("SEARCH RETURN (RELEVANCY ALL) FUZZY SUBJECT \"IMAP break\"");
    CHECK(has(scores, R"(* ESEARCH (TAG "x") ALL 1,3 RELEVANCY (100 44))"));
    const auto alone = co_await client.say("UID SEARCH RETURN (RELEVANCY) FUZZY TEXT helo");
    CHECK(has(alone, R"(* ESEARCH (TAG "x") UID RELEVANCY (59 90))"));
    const auto sorted = co_await client.say("SORT (RELEVANCY) UTF-8 FUZZY TEXT helo");
    CHECK(has(sorted, "* SORT 3 2"));
    const auto turned = co_await client.say("SORT RETURN (RELEVANCY ALL) (REVERSE RELEVANCY) UTF-8 FUZZY TEXT helo");
    CHECK(has(turned, R"(* ESEARCH (TAG "x") ALL 2:3 RELEVANCY (59 90))"));
    const auto part = co_await client.say("SORT RETURN (PARTIAL 1:1 RELEVANCY) (RELEVANCY) UTF-8 FUZZY TEXT helo");
    CHECK(has(part, R"(* ESEARCH (TAG "x") PARTIAL (1:1 3) RELEVANCY (90))"));
    const auto either = co_await client.say("SEARCH RETURN (ALL RELEVANCY) OR 1 FUZZY TEXT helo");
    CHECK(has(either, R"(* ESEARCH (TAG "x") ALL 1:3 RELEVANCY (1 59 90))"));
    const auto none = co_await client.say("SEARCH RETURN (ALL RELEVANCY) FUZZY TEXT absolutely");
    CHECK(has(none, R"(* ESEARCH (TAG "x") RELEVANCY ())"));
    const auto without = co_await client.say("SEARCH RETURN (RELEVANCY) TEXT helo");
    CHECK(without.back().starts_with("BAD "));
    const auto sort_without = co_await client.say("SORT (RELEVANCY) UTF-8 ALL");
    CHECK(sort_without.back().starts_with("BAD "));
  });
}

TEST_CASE("dates and sizes may be off by some", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(mail("one", std::string(900, 'x')));
    co_await client.say("SELECT INBOX");
    const auto late = co_await client.say("SEARCH RETURN (ALL RELEVANCY) FUZZY SENTBEFORE 23-Nov-2026");
    CHECK(has(late, R"(* ESEARCH (TAG "x") ALL 1 RELEVANCY (76))"));
    const auto far = co_await client.say("SEARCH FUZZY SENTON 1-Dec-2026");
    CHECK(has(far, "* SEARCH 1"));
    const auto too_far = co_await client.say("SEARCH FUZZY SENTSINCE 2-Dec-2026");
    CHECK(has(too_far, "* SEARCH"));
    const auto large = co_await client.say("SEARCH FUZZY (LARGER 1100 SMALLER 1000)");
    CHECK(has(large, "* SEARCH 1"));
    const auto too_large = co_await client.say("SEARCH FUZZY LARGER 2000");
    CHECK(has(too_large, "* SEARCH"));
  });
}
