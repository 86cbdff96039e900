// How long a server waits for its client: RFC 9051 section 5.4, RFC 1939 section 3, RFC 5804 section 1.2.
#include "common/service/client_deadlines.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::service;
using namespace std::chrono_literals;

namespace {

const SteadyTime kBegin{};
constexpr ClientDeadlines::Times kTimes{60s, 1800s, 300s, 500};

}  // namespace

TEST_CASE("a login has its time as a whole, whatever is said meanwhile", "[service]") {
  const bool under_way = GENERATE(false, true);
  ClientDeadlines deadlines(kTimes, kBegin);
  for (auto now = kBegin; now < kBegin + 60s; now += 10s) {
    CHECK(deadlines.begin_wait(under_way, now).time() == kBegin + 60s);
    deadlines.end_wait(100'000, now + 9s);
    deadlines.begin_command();
  }
  deadlines.begin_login(kBegin + 40s);
  CHECK(deadlines.begin_wait(false, kBegin + 50s).time() == kBegin + 100s);
}

TEST_CASE("who is logged in may be silent for half an hour, and not stretch it octet by octet", "[service]") {
  ClientDeadlines deadlines(kTimes, kBegin);
  deadlines.logged_in();
  auto now = kBegin + 1h;
  CHECK(deadlines.begin_wait(false, now).time() == now + 1800s);
  deadlines.end_wait(1, now + 1799s);
  CHECK(deadlines.begin_wait(false, now + 1799s).time() == now + 1800s);
  deadlines.end_wait(2, now + 1799s);
  deadlines.begin_command();
  now += 3h;  // it took so long
  CHECK(deadlines.begin_wait(false, now).time() == now + 1800s);
}

TEST_CASE("a command under way must come on, at a rate", "[service]") {
  ClientDeadlines deadlines(kTimes, kBegin);
  deadlines.logged_in();
  CHECK(deadlines.begin_wait(false, kBegin).time() == kBegin + 1800s);
  deadlines.end_wait(30, kBegin + 1000s);  // it is no wait for what was announced
  auto now = kBegin + 1000s;
  CHECK(deadlines.begin_wait(true, now).time() == now + 300s);
  deadlines.end_wait(1, now + 299s);
  CHECK(deadlines.begin_wait(true, now + 299s).time() == now + 300s);
  deadlines.end_wait(50'000, now + 299s);
  CHECK(deadlines.begin_wait(true, now + 299s).time() == now + 400s);
  deadlines.end_wait(0, now + 299s);
  deadlines.begin_command();
  CHECK(deadlines.begin_wait(true, now + 299s).time() == now + 599s);
}
