// How long a peer may take over what it has announced.
#include "common/net/pace.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::net;
using namespace std::chrono_literals;

namespace {

const SteadyTime kBegin{};

}  // namespace

TEST_CASE("who sends nothing has the grace, and no single wait is longer than it may be", "[net]") {
  Pace pace(60s, 500);
  CHECK(pace.begin(180s, kBegin).time() == kBegin + 60s);
  CHECK(pace.is_short());
  CHECK(pace.begin(20s, kBegin).time() == kBegin + 20s);
  CHECK_FALSE(pace.is_short());
}

TEST_CASE("an octet now and then does not stretch the grace", "[net]") {
  Pace pace(60s, 500);
  auto now = kBegin;
  for (int i = 0; i < 59; ++i) {
    CHECK(pace.begin(180s, now).time() == kBegin + 60s);
    now += 1s;
    pace.end(1, now);
  }
  (void)pace.begin(180s, now);
  now += 1s;
  pace.end(1, now);
  CHECK(pace.begin(180s, now).time() == now + 1ms);  // what is there already may still be read
  CHECK(pace.is_short());
}

TEST_CASE("50 MB come through at the rate and not at half of it", "[net]") {
  const auto octets_a_second = GENERATE(std::size_t{500}, std::size_t{250});
  Pace pace(60s, 500);
  auto now = kBegin;
  std::size_t sent = 0;
  while (sent < 50'000'000) {
    const auto by = pace.begin(180s, now);
    now += 10s;
    if (now > by.time()) break;
    pace.end(10 * octets_a_second, now);
    sent += 10 * octets_a_second;
  }
  if (octets_a_second == 500)
    CHECK(sent == 50'000'000);
  else
    CHECK(now - kBegin == 120s);
}

TEST_CASE("only waits count, and a new announcement has a grace of its own", "[net]") {
  Pace pace(60s, 500);
  (void)pace.begin(180s, kBegin);
  pace.end(0, kBegin + 50s);
  auto now = kBegin + 1h;
  CHECK(pace.begin(180s, now).time() == now + 10s);
  pace.end(500, now);
  CHECK(pace.begin(180s, now).time() == now + 11s);
  pace.restart();
  CHECK_FALSE(pace.is_short());
  pace.end(0, now + 1h);  // no wait has begun
  CHECK(pace.begin(180s, now).time() == now + 60s);
}

TEST_CASE("without a rate each wait stands alone", "[net]") {
  Pace pace(0s, 0);
  auto now = kBegin;
  for (int i = 0; i < 100; ++i) {
    CHECK(pace.begin(180s, now).time() == now + 180s);
    CHECK_FALSE(pace.is_short());
    now += 179s;
    pace.end(1, now);
  }
}
