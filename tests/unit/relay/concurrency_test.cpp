#include "common/relay/concurrency.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::relay;

namespace {
const SteadyTime kStart = SteadyTime(std::chrono::hours(1));
}

TEST_CASE("the window starts small and grows by 1/N up to the maximum", "[relay]") {
  Concurrency concurrency({.initial = 2, .maximum = 20});
  CHECK(concurrency.allowed(kStart) == 2);
  int successes = 0;
  while (concurrency.allowed(kStart) < 4) {
    concurrency.on_success();
    ++successes;
  }
  CHECK(successes >= 4);
  CHECK(successes <= 8);
  for (int i = 0; i < 1000; ++i) concurrency.on_success();
  CHECK(concurrency.allowed(kStart) == 20);
}

TEST_CASE("a failed cohort marks the site dead, one probe revives it", "[relay]") {
  Concurrency concurrency({.initial = 2, .maximum = 20, .first_pause = std::chrono::seconds(30)});
  concurrency.on_failure(kStart);
  CHECK_FALSE(concurrency.dead());
  concurrency.on_failure(kStart);
  REQUIRE(concurrency.dead());
  CHECK(concurrency.allowed(kStart) == 0);
  CHECK(concurrency.allowed(kStart + std::chrono::seconds(30)) == 1);
  concurrency.on_success();
  CHECK_FALSE(concurrency.dead());
  CHECK(concurrency.allowed(kStart) == 2);
}

TEST_CASE("pauses double with each failed probe and are bounded", "[relay]") {
  Concurrency concurrency(
      {.initial = 1, .maximum = 5, .first_pause = std::chrono::seconds(30), .longest_pause = std::chrono::minutes(5)});
  auto now = kStart;
  auto expected = std::chrono::seconds(30);
  for (int i = 0; i < 8; ++i) {
    concurrency.on_failure(now);
    CHECK(concurrency.probe_at() - now == expected);
    now = concurrency.probe_at();
    expected = std::min<std::chrono::seconds>(expected * 2, std::chrono::minutes(5));
  }
}

TEST_CASE("a success between failures is not a failed cohort", "[relay]") {
  Concurrency concurrency({.initial = 2, .maximum = 20});
  for (int i = 0; i < 50; ++i) {
    concurrency.on_failure(kStart);
    concurrency.on_success();
  }
  CHECK_FALSE(concurrency.dead());
}
