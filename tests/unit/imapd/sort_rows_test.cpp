// The order of SORT: RFC 5256 section 3.
#include "imapd/sort_rows.h"

#include <catch2/catch.hpp>

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
    rows.set(n, headers);
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
  CHECK(rows.uses_headers());
  const auto set = [&rows](std::size_t row, int score, std::string_view subject) {
    mime::StoredHeaders headers;
    headers.base_subject = subject;
    rows.set(row, headers);
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
  CHECK_FALSE(SortRows({{Kind::kArrival}, {Kind::kSize}}, 0).uses_headers());
  CHECK(SortRows({{Kind::kArrival}, {Kind::kDate}}, 0).uses_headers());
}
