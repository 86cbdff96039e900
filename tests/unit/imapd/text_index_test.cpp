// SEARCH with an index of texts finds what it finds without one.
#include "imapd/text_index.h"

#include <algorithm>
#include <random>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/mime/casemap.h"
#include "common/store/text_shelf.h"
#include "imapd/text_indexer.h"
#include "imapd/text_match.h"
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd;
using namespace quartet::imapd::test;

namespace {

TextIndexer::Options small_batches() {
  TextIndexer::Options options;
  options.worth_messages = 1;
  options.batch_messages = 7;
  options.merge.fan = 3;
  options.merge.smallest = 4;
  options.keep_replaced = std::chrono::seconds(0);
  return options;
}

/// Whose sessions ask an index, when it is switched on.
class Site : public Server {
 public:
  void use_index(bool on) { services.texts = on ? &index : nullptr; }

  TextIndex index{*store().texts(), {.most_octets = 1 << 20, .worth = 1}};
  TextIndexer indexer{store(), index, small_batches()};
};

Site& site(Server& server) { return static_cast<Site&>(server); }

const std::vector<std::string> kWords = {"harbour",
                                         "Harbour",
                                         "lights",
                                         "light",
                                         "winter",
                                         "caf\u00e9",
                                         "CAF\u00c9",
                                         "Gr\u00fc\u00dfe",
                                         "\u7b2c\u4e09\u6b21\u4f1a\u8bae",
                                         "\u4f1a\u8bae",
                                         "\u041f\u0440\u0438\u0432\u0435\u0442",
                                         "4711",
                                         "A1B2C3D4E5F6",
                                         "x-y",
                                         "ann@a.test",
                                         "don't",
                                         "3.14",
                                         "re:",
                                         "of",
                                         "a",
                                         "\U0001f600",
                                         "Stra\u00dfe",
                                         "verylongcompoundwordthatnobodywouldeverwrite",
                                         "\ufb01ne",
                                         "\u00a0",
                                         "=?",
                                         "?="};

std::string random_words(std::mt19937& random, std::size_t count) {
  std::string text;
  for (; count > 0; --count) text += kWords[random() % kWords.size()] + (random() % 9 == 0 ? "\r\n" : " ");
  return text;
}

std::string quoted_printable(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '=' || static_cast<unsigned char>(c) >= 0x80)
      out += "=" + ascii::upper(hex_encode(std::string_view(&c, 1)));
    else
      out += c;
  }
  return out;
}

std::string part(std::mt19937& random) {
  const auto text = random_words(random, random() % 30);
  switch (random() % 4) {
    case 0:
      return "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
             base64_encode(text);
    case 1:
      return "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
             quoted_printable(text);
    case 2:
      // Not looked into.
      return "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
             base64_encode(text);
    default:
      return "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text;
  }
}

std::string random_letter(std::mt19937& random) {
  std::string message = "From: Bob <bob@b.test>\r\nSubject: =?utf-8?b?" + base64_encode(random_words(random, 3)) +
                        "?=\r\nX-Note: " + kWords[random() % 3] + "\r\nDate: Tue, 24 Nov 2026 13:05:09 +0000\r\n";
  if (random() % 2 == 0) return message + part(random);
  message += "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b1\r\n\r\n";
  for (auto count = 1 + random() % 3; count > 0; --count) message += "--b1\r\n" + part(random) + "\r\n";
  if (random() % 3 == 0)
    message += "--b1\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner " + kWords[random() % kWords.size()] +
               "\r\n\r\n" + random_words(random, 5) + "\r\n";
  return message + "--b1--\r\n";
}

/// As a literal, which holds anything.
std::string literal(const std::string& text) { return "{" + std::to_string(text.size()) + "+}\r\n" + text; }

std::string random_needle(std::mt19937& random) {
  auto text = random_words(random, 1 + random() % 2);
  const auto from = random() % text.size();
  text = text.substr(from, 1 + random() % 12);
  // Not in the midst of a character, which would be an error of the client.
  while (!text.empty() && (static_cast<unsigned char>(text.front()) & 0xC0U) == 0x80U) text.erase(0, 1);
  auto last = text.size();
  while (last > 0 && (static_cast<unsigned char>(text[last - 1]) & 0xC0U) == 0x80U) --last;
  if (last > 0 && static_cast<unsigned char>(text[last - 1]) >= 0xC0U) {
    const auto lead = static_cast<unsigned char>(text[last - 1]);
    const std::size_t size = lead >= 0xF0U ? 4 : lead >= 0xE0U ? 3 : 2;
    if (last - 1 + size != text.size()) text.resize(last - 1);
  }
  std::erase_if(text, [](char c) { return c == '\0'; });
  return text.empty() ? "harbour" : text;
}

std::string random_key(std::mt19937& random, int depth = 0) {
  switch (random() % (depth < 3 ? 10 : 5)) {
    case 0:
    case 1:
      return "TEXT " + literal(random_needle(random));
    case 2:
    case 3:
      return "BODY " + literal(random_needle(random));
    case 4:
      return "HEADER X-Note " + literal(random_needle(random));
    case 5:
      return "NOT " + random_key(random, depth + 1);
    case 6:
      return "OR " + random_key(random, depth + 1) + " " + random_key(random, depth + 1);
    case 7:
      return "(" + random_key(random, depth + 1) + " " + random_key(random, depth + 1) + ")";
    case 8:
      return "FUZZY TEXT " + literal(random_needle(random));
    default:
      return "UNSEEN " + random_key(random, depth + 1);
  }
}

async::Task<void> deliver_random(Server& here, std::mt19937& random, int count) {
  for (; count > 0; --count) co_await here.deliver(random_letter(random));
}

/// The same commands with and without the index.
async::Task<void> compare(Client& client, Server& here, std::string command) {
  site(here).use_index(true);
  const auto with = co_await client.say(command);
  site(here).use_index(false);
  const auto without = co_await client.say(command);
  INFO(command);
  CHECK(with.back().starts_with("OK "));
  // All but the tagged line, which may say how long it took.
  CHECK(std::vector(with.begin(), with.end() - 1) == std::vector(without.begin(), without.end() - 1));
}

async::Task<void> compare_random(Client& client, Server& here, std::mt19937& random, int count) {
  for (; count > 0; --count) {
    auto key = random_key(random);
    co_await compare(client, here, "UID SEARCH CHARSET UTF-8 " + key);
    if (count % 5 == 0) co_await compare(client, here, "UID SORT (REVERSE ARRIVAL) UTF-8 " + key);
    if (count % 5 == 1) co_await compare(client, here, "UID THREAD REFERENCES UTF-8 " + key);
    if (count % 5 == 2)
      co_await compare(client, here, "ESEARCH IN (mailboxes INBOX mailboxes Copies) CHARSET UTF-8 " + key);
  }
}

async::Task<std::vector<store::TextSegment>> segments(Server& here) {
  const auto inbox = co_await here.store().find("ann@a.test", "INBOX");
  auto listed = co_await here.store().texts()->segments(inbox->ref);
  co_return *std::move(listed);
}

async::Task<std::unique_ptr<const TextFilter>> look_up(Server& here, std::string text) {
  const auto inbox = co_await here.store().find("ann@a.test", "INBOX");
  const auto view = co_await here.store().snapshot(inbox->ref);
  std::vector<std::string> texts{mime::casemap(text)};
  co_return co_await site(here).index.look_up(*view, std::move(texts), nullptr);
}

std::size_t count_ruled_out(const TextFilter* filter, std::size_t messages) {
  std::size_t count = 0;
  for (std::size_t n = 0; n < messages; ++n) count += filter != nullptr && filter->rules_out(0, n) ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("random searches find the same with and without the index", "[imapd][texts]") {
  Site server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    std::mt19937 random(20261127);
    co_await deliver_random(here, random, 60);
    co_await client.say("CREATE Copies");
    co_await client.say("SELECT INBOX");
    co_await site(here).indexer.pass();
    const auto listed = co_await segments(here);
    CHECK_FALSE(listed.empty());
    co_await compare_random(client, here, random, 60);
    // Some are not covered yet, some are copies, some are gone.
    co_await deliver_random(here, random, 20);
    co_await client.say("NOOP");
    co_await client.say("COPY 10:30 Copies");
    co_await client.say("STORE 3,5,50:55 +FLAGS (\\Deleted)");
    co_await client.say("EXPUNGE");
    co_await compare_random(client, here, random, 40);
    co_await site(here).indexer.pass();
    co_await compare_random(client, here, random, 40);
    co_await client.say("SELECT Copies");
    co_await compare_random(client, here, random, 20);
  });
}

TEST_CASE("what cannot contain the text is ruled out, copies of it too", "[imapd][texts]") {
  Site server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    for (int n = 0; n < 40; ++n)
      co_await here.deliver(letter("number" + std::to_string(n) + (n == 7 ? " needle" : "")));
    const auto before = co_await look_up(here, "needle");
    CHECK(before == nullptr);
    co_await site(here).indexer.pass();
    const auto after = co_await look_up(here, "needle");
    CHECK(count_ruled_out(after.get(), 40) == 39);
    CHECK_FALSE(after->rules_out(0, 7));
    const auto phrase = co_await look_up(here, "Text of number12");
    CHECK(count_ruled_out(phrase.get(), 40) == 39);
    const auto nothing_known = co_await look_up(here, ": ");
    CHECK(nothing_known == nullptr);
    co_await client.say("SELECT INBOX");
    co_await client.say("COPY 1:* INBOX");
    const auto copies = co_await look_up(here, "needle");
    CHECK(count_ruled_out(copies.get(), 80) == 78);
    // One more is not covered until the indexer has come to it.
    co_await here.deliver(letter("late"));
    const auto late = co_await look_up(here, "needle");
    CHECK_FALSE(late->rules_out(0, 80));
    co_await site(here).indexer.pass();
    const auto caught_up = co_await look_up(here, "needle");
    CHECK(caught_up->rules_out(0, 80));
  });
}

TEST_CASE("few segments are left, and of what is gone nothing", "[imapd][texts]") {
  Site server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    std::mt19937 random(3);
    co_await client.say("SELECT INBOX");
    for (int round = 0; round < 30; ++round) {
      co_await deliver_random(here, random, 5);
      co_await site(here).indexer.pass();
      const auto listed = co_await segments(here);
      CHECK(listed.size() < 12);
    }
    co_await client.say("NOOP");
    co_await client.say("STORE 1:140 +FLAGS (\\Deleted)");
    co_await client.say("EXPUNGE");
    co_await deliver_random(here, random, 5);
    co_await site(here).indexer.pass();
    std::uint64_t covered = 0;
    const auto left = co_await segments(here);
    for (const auto& each : left) covered += each.messages;
    CHECK(covered < 40);
    co_await client.say("NOOP");
    co_await compare_random(client, here, random, 10);
  });
}

TEST_CASE("a result that is kept up to date follows the same messages", "[imapd][texts]") {
  Site server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    for (int n = 0; n < 40; ++n) co_await here.deliver(letter(n % 10 == 0 ? "harbour" : "other"));
    co_await site(here).indexer.pass();
    site(here).use_index(true);
    co_await client.say("SELECT INBOX");
    const auto found = co_await client.say("UID SEARCH RETURN (UPDATE ALL) TEXT arbou UNFLAGGED");
    CHECK(found.front().ends_with(" UID ALL 1,11,21,31"));
    co_await here.deliver(letter("harbour again"));
    co_await site(here).indexer.pass();
    const auto added = co_await client.say("NOOP");
    CHECK(std::ranges::any_of(added, [](const auto& line) {
      return line.ends_with(" UID ADDTO (5 41)") || line.ends_with(" UID ADDTO (0 41)");
    }));
    const auto removed = co_await client.say("STORE 11 +FLAGS (\\Flagged)");
    CHECK(std::ranges::any_of(removed, [](const auto& line) { return line.contains("REMOVEFROM"); }));
  });
}

TEST_CASE("a damaged segment rules nothing out, and is made anew", "[imapd][texts]") {
  Site server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    for (int n = 0; n < 20; ++n) co_await here.deliver(letter("needle" + std::to_string(n)));
    const auto inbox = co_await here.store().find("ann@a.test", "INBOX");
    auto& shelf = *here.store().texts();
    store::NewTextSegment broken{
        .version = text_version(), .messages = 20, .chunks = {"not a segment"}, .replaces = {}};
    const auto added = co_await shelf.add(inbox->ref, std::move(broken));
    CHECK(added.has_value());
    const auto set = co_await shelf.set_indexed(inbox->ref, 1);
    CHECK(set.has_value());
    site(here).use_index(true);
    co_await client.say("SELECT INBOX");
    const auto found = co_await client.say("SEARCH TEXT needle7");
    CHECK(has(found, "* SEARCH 8"));
    const auto discarded = co_await segments(here);
    CHECK(discarded.empty());
    co_await site(here).indexer.pass();
    const auto filter = co_await look_up(here, "needle7");
    CHECK(count_ruled_out(filter.get(), 20) == 19);
  });
}

TEST_CASE("segments of another form are of no use and are made anew", "[imapd][texts]") {
  Site server;
  server.run_in([](Client&, Server& here) -> async::Task<void> {
    for (int n = 0; n < 5; ++n) co_await here.deliver(letter("needle" + std::to_string(n)));
    const auto inbox = co_await here.store().find("ann@a.test", "INBOX");
    auto& shelf = *here.store().texts();
    store::NewTextSegment other{.version = text_version() + 1, .messages = 5, .chunks = {"whatever"}, .replaces = {}};
    const auto added = co_await shelf.add(inbox->ref, std::move(other));
    CHECK(added.has_value());
    const auto view = co_await here.store().snapshot(inbox->ref);
    const auto set = co_await shelf.set_indexed(inbox->ref, (*view)->highest_modseq());
    CHECK(set.has_value());
    const auto nothing = co_await look_up(here, "needle3");
    CHECK(nothing == nullptr);
    co_await site(here).indexer.pass();
    const auto listed = co_await segments(here);
    REQUIRE(listed.size() == 1);
    CHECK(listed[0].version == text_version());
    const auto filter = co_await look_up(here, "needle3");
    CHECK(count_ruled_out(filter.get(), 5) == 4);
  });
}

TEST_CASE("segments of about the same size are put together, up to a limit", "[imapd][texts]") {
  const auto rows = [](std::vector<std::uint64_t> messages) {
    std::vector<store::TextSegment> segments;
    for (const auto count : messages)
      segments.push_back(
          {.id = static_cast<std::int64_t>(segments.size()), .version = 1, .messages = count, .bytes = count * 100});
    return segments;
  };
  const MergeLimits limits{.fan = 4, .smallest = 10, .most_bytes = 100'000};
  CHECK(segments_to_merge({}, limits).empty());
  CHECK(segments_to_merge(rows({1, 2, 3}), limits).empty());
  CHECK(segments_to_merge(rows({1, 2, 3, 4}), limits).size() == 4);
  CHECK(segments_to_merge(rows({1, 2, 3, 50}), limits).empty());
  CHECK(segments_to_merge(rows({45, 50, 60, 70, 1}), limits).size() == 4);
  CHECK(segments_to_merge(rows({300, 300, 300, 300}), limits).size() == 3);
  CHECK(segments_to_merge(rows({900, 900, 900, 900, 900}), limits).empty());
}
