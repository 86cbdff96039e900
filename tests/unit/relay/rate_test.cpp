#include "common/relay/rate.h"

#include <catch2/catch.hpp>
#include <random>

using namespace quartet;
using namespace quartet::relay;
using std::chrono::seconds;

TEST_CASE("rates are a number in a time", "[relay]") {
  CHECK(*parse_rate("20/s") == Rate{20, seconds(1)});
  CHECK(*parse_rate("100/min") == Rate{100, seconds(60)});
  CHECK(*parse_rate("1000/h") == Rate{1000, seconds(3600)});
  CHECK(*parse_rate("5/d") == Rate{5, seconds(86400)});
  for (const auto* bad : {"", "20", "/s", "0/s", "-1/s", "20/", "20/week", "20 / s", "1.5/s", "99999999999/s"}) {
    INFO(bad);
    CHECK_FALSE(parse_rate(bad));
  }
  for (const auto* text : {"20/s", "100/min", "1000/h", "5/d"}) CHECK(to_string(*parse_rate(text)) == text);
}

TEST_CASE("without a rate everything may happen at once", "[relay]") {
  TokenBucket bucket;
  for (int i = 0; i < 1'000; ++i) {
    CHECK(bucket.allows(SteadyTime{}));
    bucket.take(SteadyTime{});
  }
  CHECK(bucket.full(SteadyTime{}));
}

TEST_CASE("in any time there is at most what the rate allows and a second's worth, and no less", "[relay]") {
  std::mt19937_64 random(11);
  for (const auto rate : {Rate{1, seconds(1)}, Rate{7, seconds(1)}, Rate{500, seconds(1)}, Rate{10, seconds(60)},
                          Rate{90, seconds(60)}, Rate{3, seconds(3600)}}) {
    TokenBucket bucket(rate);
    const auto interval =
        std::chrono::duration_cast<SteadyTime::duration>(std::chrono::nanoseconds(rate.per)) / rate.events;
    const auto at_once = std::max<std::int64_t>(1, rate.events / rate.per.count());
    SteadyTime now{std::chrono::hours(1)};
    const auto start = now;
    std::vector<SteadyTime> taken;
    for (int i = 0; i < 3'000; ++i) {
      now += std::chrono::nanoseconds(random() % static_cast<std::uint64_t>(2 * interval.count()));
      CHECK(bucket.allows(now) == (bucket.available(now) > 0));
      while (bucket.allows(now) && random() % 8 != 0) {
        const auto before = bucket.available(now);
        bucket.take(now);
        CHECK(bucket.available(now) == before - 1);
        taken.push_back(now);
      }
    }
    for (std::size_t first = 0; first < taken.size(); first += 17) {
      for (std::size_t last = first; last < taken.size(); last += 13) {
        const auto span = taken[last] - taken[first];
        REQUIRE(static_cast<std::int64_t>(last - first + 1) <= at_once + span / interval);
      }
    }
    // Who always asks gets the whole of it.
    std::int64_t count = 0;
    const auto from = now += std::chrono::hours(24);
    while (now < from + 1'000 * interval) {
      if (bucket.allows(now)) {
        bucket.take(now);
        ++count;
      } else {
        CHECK(bucket.next() > now);
        now = bucket.next();
      }
    }
    CHECK(count >= 1'000);
    CHECK(count <= 1'000 + at_once);
    CHECK(now > start);
  }
}

TEST_CASE("a new rate does not forget what has happened", "[relay]") {
  TokenBucket bucket(Rate{1, seconds(60)});
  const SteadyTime now{std::chrono::hours(1)};
  bucket.take(now);
  CHECK_FALSE(bucket.full(now + seconds(59)));
  bucket.set_rate(Rate{1, seconds(10)});
  CHECK(bucket.next() == now + seconds(60));
  CHECK(bucket.full(now + seconds(60)));
}
