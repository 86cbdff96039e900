#include <catch2/catch.hpp>
#include <set>
#include <thread>
#include <vector>

#include "common/base/ascii.h"
#include "common/base/crc32c.h"
#include "common/base/duration.h"
#include "common/base/id.h"
#include "common/base/scope.h"
#include "common/base/time.h"

using namespace quartet;
using std::chrono::milliseconds;

TEST_CASE("crc32c keeps to the vectors of RFC 3720 appendix B.4", "[base]") {
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AAu);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62A8AB43u);
  CHECK(crc32c("123456789") == 0xE3069283u);
  std::string rising;
  for (int i = 0; i < 32; ++i) rising += static_cast<char>(i);
  CHECK(crc32c(rising) == 0x46DD794Eu);
}

TEST_CASE("crc32c of long texts is that of the polynomial", "[base]") {
  std::string text(10'000, '\0');
  std::uint32_t random = 1;
  for (char& c : text) c = static_cast<char>((random = random * 1'103'515'245 + 12'345) >> 16);
  for (const std::size_t size : {1, 8, 1023, 3071, 3072, 3073, 6144, 6151, 9999}) {
    std::uint32_t expected = 0xFFFFFFFF;
    for (const char c : std::string_view(text).substr(1, size)) {
      expected ^= static_cast<unsigned char>(c);
      for (int bit = 0; bit < 8; ++bit) expected = (expected & 1) != 0 ? expected >> 1 ^ 0x82F63B78u : expected >> 1;
    }
    CHECK(crc32c(std::string_view(text).substr(1, size)) == ~expected);
  }
}

TEST_CASE("crc32c of a whole is that of its pieces in order", "[base]") {
  const std::string text = "the checksum goes on where it stopped";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    CHECK(crc32c(text.substr(cut), crc32c(text.substr(0, cut))) == crc32c(text));
  }
}

TEST_CASE("ids rise, differ between threads, and survive their text form", "[base]") {
  std::vector<std::vector<Id>> made(4);
  {
    std::vector<std::jthread> threads;
    for (auto& ids : made) {
      threads.emplace_back([&ids] {
        for (int i = 0; i < 2000; ++i) ids.push_back(Id::make());
      });
    }
  }
  std::set<Id> all;
  for (const auto& ids : made) {
    CHECK(std::is_sorted(ids.begin(), ids.end()));
    all.insert(ids.begin(), ids.end());
  }
  CHECK(all.size() == 8000);
  std::string previous;
  for (const auto& id : all) {
    const auto text = id.to_string();
    CHECK(text.size() == 26);
    CHECK(previous < text);
    CHECK(Id::parse(text) == id);
    previous = text;
  }
}

TEST_CASE("what is no id is refused", "[base]") {
  CHECK_FALSE(Id::parse("").has_value());
  CHECK_FALSE(Id::parse(std::string(25, '0')).has_value());
  CHECK_FALSE(Id::parse(std::string(26, 'u')).has_value());
  CHECK_FALSE(Id::parse("8" + std::string(25, '0')).has_value());  // 129 bits
  CHECK(Id::parse("7" + std::string(25, 'z')) == Id(~0ull, ~0ull));
}

TEST_CASE("dates are those of RFC 3339 and RFC 5322", "[base]") {
  const auto time = from_micros(1'795'525'509'125'999);
  CHECK(to_rfc3339(time) == "2026-11-24T13:05:09.125Z");
  CHECK(to_rfc5322(time) == "Tue, 24 Nov 2026 13:05:09 +0000");
  CHECK(to_rfc3339(from_micros(0)) == "1970-01-01T00:00:00.000Z");
}

TEST_CASE("ASCII helpers", "[base]") {
  CHECK(ascii::iequals("StartTLS", "STARTTLS"));
  CHECK_FALSE(ascii::iequals("a", "ab"));
  CHECK(ascii::istarts_with("MAIL FROM", "mail "));
  CHECK(ascii::iends_with("x.Test", ".TEST"));
  CHECK(ascii::trim(" \t a b\r\n") == "a b");
  CHECK(ascii::split("a,,b,", ',') == std::vector<std::string_view>{"a", "", "b", ""});
  CHECK(ascii::to_number("42") == 42u);
  CHECK(ascii::to_number<std::uint8_t>("255") == 255);
  for (const char* bad : {"", "-1", "+1", " 1", "1 ", "256", "1x"}) {
    INFO(bad);
    CHECK_FALSE(ascii::to_number<std::uint8_t>(bad).has_value());
  }
}

TEST_CASE("a scope's end runs its function unless dismissed", "[base]") {
  int runs = 0;
  {
    const ScopeExit guard([&runs] { ++runs; });
  }
  CHECK(runs == 1);
  {
    ScopeExit guard([&runs] { ++runs; });
    guard.dismiss();
  }
  CHECK(runs == 1);
}

TEST_CASE("durations are read strictly", "[base]") {
  CHECK(parse_duration("90s") == milliseconds(90'000));
  CHECK(parse_duration("2h") == milliseconds(7'200'000));
  CHECK(parse_duration("1d12h") == milliseconds(129'600'000));
  CHECK(parse_duration("1w1d1h1m1s1ms") == milliseconds(694'861'001));
  CHECK(parse_duration("250ms") == milliseconds(250));
  CHECK(parse_duration("0s") == milliseconds(0));
  for (const auto* text :
       {"", "soon", "5", "h", "-5s", "5x", "2m1h", "1h1h", "1.5h", "5 s", "99999999999999999999s", "200000w", "5S"}) {
    INFO(text);
    CHECK_FALSE(parse_duration(text));
  }
}
