#include "common/relay/retry.h"

#include <catch2/catch.hpp>
#include <random>

using namespace quartet;
using namespace quartet::relay;

TEST_CASE("each wait is the schedule's, stretched or cut by at most the jitter", "[relay]") {
  const RetrySchedule schedule;
  std::mt19937_64 random(7);
  const WallTime accepted = from_micros(1'700'000'000'000'000);
  for (unsigned attempts = 1; attempts < 40; ++attempts) {
    const auto base = schedule.delays[std::min<std::size_t>(attempts, schedule.delays.size()) - 1];
    for (int i = 0; i < 200; ++i) {
      const auto next = next_attempt(schedule, accepted, false, attempts, accepted, random());
      CHECK(next - accepted >= base * 9 / 10);
      CHECK(next - accepted <= base * 11 / 10);
    }
  }
}

TEST_CASE("no attempt is planned behind the expiry, nor in the past", "[relay]") {
  const RetrySchedule schedule;
  std::mt19937_64 random(8);
  const WallTime accepted = from_micros(1'700'000'000'000'000);
  for (int i = 0; i < 5000; ++i) {
    const bool null_sender = random() % 2 == 0;
    const auto now = accepted + std::chrono::seconds(random() % (6 * 86400));
    const auto next = next_attempt(schedule, accepted, null_sender, 1 + random() % 60, now, random());
    CHECK(next > now);
    CHECK(next <= std::max(expiry(schedule, accepted, null_sender), now + std::chrono::seconds(1)));
  }
}

TEST_CASE("a schedule followed to its end gives up at the lifetime", "[relay]") {
  const RetrySchedule schedule;
  std::mt19937_64 random(9);
  const WallTime accepted = from_micros(1'700'000'000'000'000);
  WallTime now = accepted;
  unsigned attempts = 0;
  while (now < expiry(schedule, accepted, false))
    now = next_attempt(schedule, accepted, false, ++attempts, now, random());
  CHECK(attempts > 40);
  CHECK(attempts < 55);
  CHECK(now - accepted >= schedule.lifetime);
  CHECK(now - accepted <= schedule.lifetime + std::chrono::seconds(1));
}
