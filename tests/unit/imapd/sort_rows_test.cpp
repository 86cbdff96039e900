// The order of SORT: RFC 5256 section 3.
#include "imapd/sort_rows.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <random>
#include <tuple>

using namespace quartet;
using namespace quartet::imapd;
using Kind = SortCriterion::Kind;

namespace {

struct Letter {
  std::uint32_t size = 0;
  std::int64_t arrived = 0;
  std::string subject{};
  std::optional<std::int64_t> sent{};
};

void set_headers(SortRows& rows, std::size_t row, const mime::StoredHeaders& headers) {
  std::vector<std::string> texts;
  for (const auto& column : rows.header_columns()) column.append(texts.emplace_back(), headers);
  rows.set(row, std::vector<std::string_view>(texts.begin(), texts.end()));
}

std::vector<std::size_t> sorted(const std::vector<SortCriterion>& criteria, const std::vector<Letter>& letters) {
  SortRows rows(criteria, letters.size());
  for (std::size_t n = 0; n < letters.size(); ++n) {
    store::Entry entry;
    entry.size = letters[n].size;
    entry.internaldate = letters[n].arrived * 1'000'000;
    rows.set(n, entry);
    mime::StoredHeaders headers;
    headers.base_subject = letters[n].subject;
    if (letters[n].sent) headers.sent = mime::Date{*letters[n].sent, 0};
    set_headers(rows, n, headers);
  }
  return rows.sorted();
}

using Order = std::vector<std::size_t>;

}  // namespace

TEST_CASE("criteria one after another, each with its direction", "[sort]") {
  const std::vector<Letter> letters{
      {.size = 2, .subject = "b"}, {.size = 1, .subject = "B"}, {.size = 3, .subject = "a"}};
  CHECK(sorted({{Kind::kSubject}}, letters) == Order{2, 0, 1});
  CHECK(sorted({{Kind::kSubject}, {Kind::kSize}}, letters) == Order{2, 1, 0});
  CHECK(sorted({{Kind::kSubject, true}, {Kind::kSize}}, letters) == Order{1, 0, 2});
  CHECK(sorted({{Kind::kSize, true}}, letters) == Order{2, 0, 1});
  CHECK(sorted({{Kind::kArrival, true}}, letters) == Order{0, 1, 2});
}

TEST_CASE("texts in the order of i;unicode-casemap", "[sort]") {
  CHECK(sorted({{Kind::kSubject}}, {{.subject = "_"},
                                    {.subject = "z"},
                                    {.subject = "\xC3\xA4x"},
                                    {.subject = "AY"},
                                    {.subject = "a\xCC\x88w"},
                                    {.subject = "\xF0\x90\x90\xA8"}}) == Order{3, 4, 2, 1, 0, 5});
}

TEST_CASE("a message without a Date was sent when it arrived", "[sort]") {
  CHECK(sorted({{Kind::kDate}}, {{.arrived = 5}, {.arrived = 9, .sent = 3}, {.arrived = 1, .sent = 7}}) ==
        Order{1, 0, 2});
  CHECK(sorted({{Kind::kArrival}}, {{.arrived = 5}, {.arrived = 9, .sent = 3}}) == Order{0, 1});
}

TEST_CASE("rows come and go", "[sort]") {
  SortRows rows({{Kind::kRelevancy}, {Kind::kSubject}}, 1);
  CHECK(rows.header_columns().size() == 1);
  const auto set = [&rows](std::size_t row, int score, std::string_view subject) {
    mime::StoredHeaders headers;
    headers.base_subject = subject;
    set_headers(rows, row, headers);
    rows.set_score(row, score);
  };
  set(0, 5, "a");
  rows.resize(4);
  set(1, 9, "b");
  set(2, 5, "A");
  set(3, 9, "a");
  CHECK(rows.sorted() == Order{3, 1, 0, 2});
  CHECK(rows.compare(0, 2) == 0);
  CHECK(rows.compare(3, 1) < 0);
  rows.keep({2, 1});
  CHECK(rows.size() == 2);
  CHECK(rows.sorted() == Order{1, 0});
}

TEST_CASE("what the view knows needs no header", "[sort]") {
  CHECK(SortRows({{Kind::kArrival}, {Kind::kSize}}, 0).header_columns().empty());
  CHECK(SortRows({{Kind::kArrival}, {Kind::kDate}}, 0).header_columns().size() == 1);
}

TEST_CASE("rows are in the order of their texts, however long these are", "[sort]") {
  std::mt19937 random(3);
  const std::string_view octets("AB\x00Z\x7F", 5);
  std::vector<Letter> letters(500);
  for (auto& letter : letters) {
    // Many are the same for as long as what is compared first.
    letter.subject = std::string(random() % 3 * 10, 'Q');
    for (auto n = random() % 5; n > 0; --n) letter.subject += octets[random() % octets.size()];
    letter.sent = static_cast<std::int64_t>(random() % 7) - 3;
  }
  const auto expected = [&letters](auto less) {
    Order order(letters.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
      if (less(letters[a], letters[b]) || less(letters[b], letters[a])) return less(letters[a], letters[b]);
      return a < b;
    });
    return order;
  };
  CHECK(sorted({{Kind::kSubject}}, letters) ==
        expected([](const Letter& a, const Letter& b) { return a.subject < b.subject; }));
  CHECK(sorted({{Kind::kSubject, true}}, letters) ==
        expected([](const Letter& a, const Letter& b) { return a.subject > b.subject; }));
  CHECK(sorted({{Kind::kDate}, {Kind::kSubject}}, letters) == expected([](const Letter& a, const Letter& b) {
          return std::tie(a.sent, a.subject) < std::tie(b.sent, b.subject);
        }));
}

TEST_CASE("of long texts the beginning is compared", "[imapd]") {
  CHECK(compared_part("short") == "short");
  CHECK(compared_part(std::string(2000, 'x')).size() == 1024);
  // Not inside a character.
  CHECK(compared_part(std::string(1023, 'x') + "\u263a and more").size() == 1023);
  CHECK(compared_part(std::string(1021, 'x') + "\u263a and more") == std::string(1021, 'x') + "\u263a");
  CHECK(compared_part(std::string(2000, '\x80')).size() == 1020);
}
