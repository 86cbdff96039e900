#include "common/relay/verdict_cache.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::relay;
using std::chrono::seconds;

namespace {

Verdict refused() { return {Verdict::Kind::kRefused, {550, "5.1.1", "no", "host"}}; }
Verdict accepted() { return {Verdict::Kind::kAccepted, {250, "2.1.5", "yes", "host"}}; }

}  // namespace

TEST_CASE("a verdict counts until its time is over", "[relay]") {
  VerdictCache cache(10);
  const SteadyTime now{seconds(1'000)};
  cache.put("a@x.test", refused(), now + seconds(5));
  REQUIRE(cache.find("a@x.test", now + seconds(4)) != nullptr);
  CHECK(cache.find("a@x.test", now)->reply.enhanced == "5.1.1");
  CHECK(cache.find("b@x.test", now) == nullptr);
  CHECK(cache.find("a@x.test", now + seconds(5)) == nullptr);
  CHECK(cache.size() == 0);
}

TEST_CASE("a later verdict replaces the earlier one", "[relay]") {
  VerdictCache cache(10);
  const SteadyTime now{seconds(1'000)};
  cache.put("a@x.test", refused(), now + seconds(5));
  cache.put("a@x.test", accepted(), now + seconds(50));
  CHECK(cache.size() == 1);
  CHECK(cache.find("a@x.test", now + seconds(10))->kind == Verdict::Kind::kAccepted);
}

TEST_CASE("the one that nobody wanted for longest makes room", "[relay]") {
  VerdictCache cache(3);
  const SteadyTime now{seconds(1'000)};
  for (const auto* key : {"a", "b", "c"}) cache.put(key, accepted(), now + seconds(5));
  CHECK(cache.find("a", now) != nullptr);
  cache.put("d", accepted(), now + seconds(5));
  CHECK(cache.size() == 3);
  CHECK(cache.find("b", now) == nullptr);
  for (const auto* key : {"a", "c", "d"}) CHECK(cache.find(key, now) != nullptr);
}

TEST_CASE("a cache for nothing", "[relay]") {
  VerdictCache cache(0);
  cache.put("a", accepted(), SteadyTime::max());
  CHECK(cache.find("a", SteadyTime{}) == nullptr);
}
