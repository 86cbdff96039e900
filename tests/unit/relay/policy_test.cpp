#include "common/relay/policy.h"

#include <catch2/catch.hpp>
#include <random>

#include "common/relay/route.h"

using namespace quartet;
using namespace quartet::relay;

namespace {

net::Address ip(const char* text) { return *net::Address::from_ip(text, 0); }

}  // namespace

TEST_CASE("source addresses take turns, each with its kind of host", "[relay]") {
  const std::vector<net::Address> sources = {ip("192.0.2.1"), ip("2001:db8::1"), ip("192.0.2.2"), ip("192.0.2.3")};
  const auto peer = *net::Address::from_ip("198.51.100.1", 25);
  CHECK((*sources_for(sources, peer, 0))[0] == ip("192.0.2.1"));
  CHECK((*sources_for(sources, peer, 1))[0] == ip("192.0.2.2"));
  CHECK((*sources_for(sources, peer, 5))[0] == ip("192.0.2.3"));
  CHECK(sources_for(sources, peer, 1)->size() == 3);  // the others, should the first be unusable
  const auto peer6 = *net::Address::from_ip("2001:db8::25", 25);
  CHECK(*sources_for(sources, peer6, 7) == std::vector<std::optional<net::Address>>{ip("2001:db8::1")});
}

TEST_CASE("without source addresses the system chooses; a host of another kind is not reached", "[relay]") {
  const auto peer = *net::Address::from_ip("198.51.100.1", 25);
  const std::vector<std::optional<net::Address>> any = {std::nullopt};
  CHECK(*sources_for({}, peer, 3) == any);
  CHECK(*sources_for({ip("192.0.2.1")}, *net::Address::parse("unix:/run/mda"), 0) == any);
  const auto none = sources_for({ip("2001:db8::1")}, peer, 0);
  REQUIRE_FALSE(none);
  CHECK(none.error() == "no source address for IPv4 is configured");
}

TEST_CASE("the longest match of a domain is its policy", "[relay]") {
  RoutingTable table;
  for (const auto* match : {"x.test", ".x.test", ".a.x.test"}) {
    SitePolicy policy;
    policy.match = match;
    table.site_policies[match] = std::make_shared<const SitePolicy>(policy);
  }
  const Router router(std::move(table));
  CHECK(router.site_policy("x.test")->match == "x.test");
  CHECK(router.site_policy("b.x.test")->match == ".x.test");
  CHECK(router.site_policy("b.a.x.test")->match == ".a.x.test");
  CHECK(router.site_policy("a.x.test")->match == ".x.test");
  CHECK(router.site_policy("test") == nullptr);
  CHECK(router.site_policy("yx.test") == nullptr);
}

TEST_CASE("whatever schedule a site has: attempts follow it, and never go beyond its lifetime", "[relay]") {
  std::mt19937_64 random(3);
  const auto accepted = from_micros(1'700'000'000'000'000);
  for (int round = 0; round < 300; ++round) {
    RetrySchedule schedule;
    schedule.delays.clear();
    for (auto steps = 1 + random() % 6; steps > 0; --steps) schedule.delays.emplace_back(1 + random() % 5'000);
    schedule.lifetime = std::chrono::seconds(1 + random() % 200'000);
    schedule.bounce_lifetime = std::chrono::seconds(1 + random() % 100'000);
    const bool null_sender = random() % 2 == 0;
    const auto until = expiry(schedule, accepted, null_sender);
    CHECK(until == accepted + (null_sender ? schedule.bounce_lifetime : schedule.lifetime));
    auto now = accepted;
    for (unsigned attempts = 1; now < until; ++attempts) {
      const auto next = next_attempt(schedule, accepted, null_sender, attempts, now, random());
      const std::chrono::duration<double> step =
          schedule.delays[std::min<std::size_t>(attempts, schedule.delays.size()) - 1];
      REQUIRE(next > now);
      REQUIRE(next - now <= std::max<std::chrono::duration<double>>(std::chrono::seconds(1), step * 1.1001));
      REQUIRE((next <= until || next == now + std::chrono::seconds(1)));
      if (next < until && next > now + std::chrono::seconds(1)) REQUIRE(next - now >= step * 0.8999);
      now = next;
    }
  }
}
