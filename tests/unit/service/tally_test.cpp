#include "common/service/tally.h"

#include <catch2/catch.hpp>

using namespace quartet::service;

TEST_CASE("a tally counts each key up to its limit", "[tally]") {
  Tally tally;
  CHECK(tally.enter("a", 2));
  CHECK(tally.enter("a", 2));
  CHECK_FALSE(tally.enter("a", 2));
  CHECK(tally.enter("b", 2));
  CHECK(tally.count("a") == 2);
  tally.leave("a");
  CHECK(tally.enter("a", 2));
  CHECK_FALSE(tally.enter("c", 0));
  CHECK(tally.count("c") == 0);
}

TEST_CASE("a place is left once, at the latest with its end", "[tally]") {
  Tally tally;
  {
    Place first(tally, "a");
    REQUIRE(first.take(1));
    Place second(tally, "a");
    CHECK_FALSE(second.take(1));
    first.leave();
    first.leave();
    CHECK(tally.count("a") == 0);
    Place third(tally, "a");
    CHECK(third.take(1));
  }
  CHECK(tally.count("a") == 0);
}
