// RFC 9051 section 9: sequence-set, seq-range, "$".
#include "imapd/proto/sequence_set.h"

#include <catch2/catch.hpp>

using namespace quartet::imapd;

namespace {
std::string normal(std::string_view text) {
  const auto set = SequenceSet::parse(text);
  return set ? set->to_string() : "error";
}
std::string resolved(std::string_view text, std::uint32_t highest) {
  return SequenceSet::parse(text)->resolve(highest).to_string();
}
}  // namespace

TEST_CASE("sets are normalised", "[imap]") {
  CHECK(normal("1") == "1");
  CHECK(normal("3,1,2") == "1:3");
  CHECK(normal("5:2") == "2:5");
  CHECK(normal("1:4,3:9,11") == "1:9,11");
  CHECK(normal("*") == "*");
  CHECK(normal("*:5") == "5:*");
  CHECK(normal("7:*,2,5:*") == "2,5:*");
  CHECK(normal("$") == "$");
  CHECK(normal("4294967295,4294967293") == "4294967293:4294967294");
}

TEST_CASE("what is no set", "[imap]") {
  const auto* text = GENERATE("", "0", "1,", ",1", "1:", ":1", "1:2:3", "a", "1 ", "-1", "01", "4294967296", "$,1",
                              "1,$", "**", "1:0");
  CHECK(normal(text) == "error");
}

TEST_CASE("a set has so many ranges and no more", "[imap]") {
  std::string text = "1";
  for (std::size_t i = 1; i < SequenceSet::kMaxRanges; ++i) text += ",1";
  CHECK(normal(text) == "1");
  CHECK(normal(text + ",1") == "error");
}

TEST_CASE("the star is the highest number", "[imap]") {
  CHECK(resolved("*", 5) == "5");
  CHECK(resolved("3:*", 5) == "3:5");
  CHECK(resolved("9:*", 5) == "5:9");
  CHECK(resolved("1:6,4:*", 5) == "1:6");
  CHECK(resolved("*", 0).empty());
  CHECK(resolved("2,4:*", 0) == "2");
}

TEST_CASE("members", "[imap]") {
  const auto set = *SequenceSet::parse("2:4,8");
  for (const std::uint32_t number : {2U, 3U, 4U, 8U}) CHECK(set.contains(number));
  for (const std::uint32_t number : {1U, 5U, 7U, 9U}) CHECK_FALSE(set.contains(number));
  CHECK(set.count() == 4);
  CHECK_FALSE(set.has_star());
  CHECK(SequenceSet::parse("1:*")->has_star());
  CHECK_FALSE(SequenceSet().contains(1));
}

TEST_CASE("numbers are added in any order", "[imap]") {
  SequenceSet set;
  for (const std::uint32_t number : {1U, 2U, 3U, 7U, 5U, 6U, 2U}) set.add(number);
  CHECK(set.to_string() == "1:3,5:7");
  CHECK(to_sequence_text({5, 1, 2, 3, 9}) == "1:3,5,9");
  CHECK(to_sequence_text({}).empty());
}

TEST_CASE("known UIDs have neither star nor saved result", "[imap]") {
  CHECK(SequenceSet::parse_numbers("1:3,9"));
  CHECK_FALSE(SequenceSet::parse_numbers("1:*"));
  CHECK_FALSE(SequenceSet::parse_numbers("$"));
}
