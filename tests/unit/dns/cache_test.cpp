// The cache and the order of servers: no clock but the one the test turns.
#include "common/dns/cache.h"

#include <catch2/catch.hpp>

#include "common/dns/servers.h"

using namespace quartet;
using namespace quartet::dns;
using namespace std::chrono_literals;

namespace {
const SteadyTime kNow{1000s};

Outcome found(SteadyTime expires) {
  return {std::make_shared<const RecordSet>(
              RecordSet{"b.example", {{"b.example", Type::kA, 9, "192.0.2.1"}}, false, expires}),
          expires};
}
}  // namespace

TEST_CASE("an answer is kept for its TTL and not a moment longer", "[dns]") {
  Cache cache;
  const Question question{"b.example", Type::kA};
  cache.put(question, found(kNow + 9s), kNow);
  CHECK(cache.find(question, kNow + 8999ms));
  CHECK_FALSE(cache.find({"b.example", Type::kAaaa}, kNow));
  CHECK_FALSE(cache.find(question, kNow + 9s));
  CHECK(cache.size() == 0);
}

TEST_CASE("TTL 0 is not kept", "[dns]") {
  Cache cache;
  cache.put({"b.example", Type::kA}, found(kNow), kNow);
  CHECK(cache.size() == 0);
}

TEST_CASE("a negative answer is kept too", "[dns]") {
  Cache cache;
  cache.put({"x.example", Type::kMx}, {std::unexpected(Error{Code::kNoSuchDomain, "", true}), kNow + 5s}, kNow);
  const auto outcome = cache.find({"x.example", Type::kMx}, kNow + 1s);
  REQUIRE(outcome);
  CHECK(outcome->result.error().code == Code::kNoSuchDomain);
  CHECK(outcome->result.error().authentic);
}

TEST_CASE("the cache is bounded; the least recently used goes first", "[dns]") {
  Cache cache(2);
  cache.put({"1.example", Type::kA}, found(kNow + 9s), kNow);
  cache.put({"2.example", Type::kA}, found(kNow + 9s), kNow);
  CHECK(cache.find({"1.example", Type::kA}, kNow));
  cache.put({"3.example", Type::kA}, found(kNow + 9s), kNow);
  CHECK(cache.size() == 2);
  CHECK(cache.find({"1.example", Type::kA}, kNow));
  CHECK_FALSE(cache.find({"2.example", Type::kA}, kNow));
  cache.put({"3.example", Type::kA}, found(kNow + 20s), kNow);
  CHECK(cache.size() == 2);
  CHECK(cache.find({"3.example", Type::kA}, kNow + 19s));
}

TEST_CASE("a server that failed is asked last for a while", "[dns]") {
  Servers servers({*net::Address::parse("192.0.2.1:53"), *net::Address::parse("192.0.2.2:53")}, false);
  CHECK(servers.order(kNow) == std::vector<std::size_t>{0, 1});
  servers.failed(0, kNow);
  CHECK(servers.order(kNow) == std::vector<std::size_t>{1, 0});
  servers.failed(1, kNow);
  CHECK(servers.order(kNow) == std::vector<std::size_t>{0, 1});
  servers.answered(1);
  CHECK(servers.order(kNow + 1s) == std::vector<std::size_t>{1, 0});
  CHECK(servers.order(kNow + 60s) == std::vector<std::size_t>{0, 1});
}

TEST_CASE("rotation starts each query with another server", "[dns]") {
  Servers servers({*net::Address::parse("192.0.2.1:53"), *net::Address::parse("192.0.2.2:53")}, true);
  CHECK(servers.order(kNow) == std::vector<std::size_t>{0, 1});
  CHECK(servers.order(kNow) == std::vector<std::size_t>{1, 0});
}
