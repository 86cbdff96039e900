#include "common/base/utf8.h"

#include <catch2/catch.hpp>
#include <string>

using namespace quartet;

namespace {

const std::string kText = "a\u00e9\u20ac\U0001F4E8z";  // 1, 2, 3, 4 and 1 octets

}  // namespace

TEST_CASE("characters of UTF-8 are counted", "[base]") {
  CHECK(utf8::count("") == 0);
  CHECK(utf8::count(kText) == 5);
}

TEST_CASE("text is cut between characters", "[base]") {
  const std::size_t ends[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
  for (std::size_t octets = 0; octets < std::size(ends); ++octets) {
    CAPTURE(octets);
    CHECK(utf8::within(kText, octets) == kText.substr(0, ends[octets]));
  }
  CHECK(utf8::first(kText, 0).empty());
  CHECK(utf8::first(kText, 3) == kText.substr(0, 6));
  CHECK(utf8::first(kText, 9) == kText);
}

TEST_CASE("what is no UTF-8 is cut anywhere", "[base]") {
  const std::string octets(10, '\xa0');
  CHECK(utf8::within(octets, 7).size() == 7);
  CHECK(utf8::within(octets, 2).size() == 2);
  CHECK(utf8::within(octets, 0).empty());
  CHECK(utf8::within(octets, 10) == octets);
}
