#include "common/relay/clock_watch.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::relay;
using namespace std::chrono_literals;

namespace {

/// Two clocks that go together until one is set.
struct Clocks {
  WallTime wall = from_micros(1'700'000'000'000'000);
  SteadyTime steady{std::chrono::hours(5)};
  ClockWatch watch;

  Clocks() { watch.look(wall, steady); }
  ClockWatch::Duration after(std::chrono::seconds passed, ClockWatch::Duration set = 0s) {
    wall += passed + set;
    steady += passed;
    return watch.look(wall, steady);
  }
  ClockWatch::Duration doubt() const { return watch.doubt(steady); }
};

}  // namespace

TEST_CASE("a clock that goes as time does was not set, nor one that is led slowly", "[relay]") {
  Clocks clocks;
  for (int i = 0; i < 100; ++i) {
    CHECK(clocks.after(30s, i % 2 == 0 ? 20s : 1s) == 0s);
    CHECK(clocks.doubt() == 0s);
  }
}

TEST_CASE("a clock that is set back is seen once, and nothing is doubted", "[relay]") {
  Clocks clocks;
  CHECK(clocks.after(30s, -24h) == -24h);
  CHECK(clocks.after(30s) == 0s);
  CHECK(clocks.doubt() == 0s);
}

TEST_CASE("a clock that is set ahead is doubted for an hour", "[relay]") {
  Clocks clocks;
  const auto years = 24h * 3652;
  CHECK(clocks.after(30s, years) == years);
  CHECK(clocks.doubt() == years);
  CHECK(clocks.after(59min) == 0s);
  CHECK(clocks.doubt() == years);
  CHECK(clocks.after(2min) == 0s);
  CHECK(clocks.doubt() == 0s);
  CHECK(clocks.after(1min, -years) == -years);
  CHECK(clocks.doubt() == 0s);
}

TEST_CASE("what is set ahead and back within the hour is no longer doubted, and steps ahead add up", "[relay]") {
  Clocks clocks;
  clocks.after(30s, 48h);
  clocks.after(30s, 24h);
  CHECK(clocks.doubt() == 72h);
  clocks.after(30s, -60h);
  CHECK(clocks.doubt() == 12h);
  clocks.after(30s, -24h);
  CHECK(clocks.doubt() == 0s);
}
