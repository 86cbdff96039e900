// The ready queue of a site, and the turns of those that find it full.
#include "common/relay/site.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::relay;
using std::chrono::seconds;

namespace {

const SteadyTime kStart = SteadyTime(std::chrono::hours(1));

std::shared_ptr<const spool::Message> message_of(std::uint64_t size) {
  return std::make_shared<const spool::Message>(spool::Message{Id::make(), {}, size, 1});
}

std::shared_ptr<const SitePolicy> policy_of(SiteLimits limits) {
  SitePolicy policy;
  policy.limits = limits;
  return std::make_shared<const SitePolicy>(std::move(policy));
}

std::shared_ptr<const SitePolicy> policy_at(std::optional<Rate> messages, std::optional<Rate> connections = {}) {
  SitePolicy policy;
  policy.message_rate = messages;
  policy.connection_rate = connections;
  return std::make_shared<const SitePolicy>(std::move(policy));
}

spool::Claim claim_of(std::shared_ptr<const spool::Message> message, std::uint32_t ordinal) {
  spool::Claim claim;
  claim.message = std::move(message);
  claim.ordinal = ordinal;
  return claim;
}

Site site_of(SiteLimits limits, Budget& budget) { return Site("key", {}, "b.test", policy_of(limits), budget); }

Budget& ample() {
  static Budget budget(1'000'000, 1u << 30);
  return budget;
}

Site site_of(SiteLimits limits) { return site_of(limits, ample()); }

Site site_at(std::optional<Rate> messages, std::optional<Rate> connections = {}) {
  return Site("key", {}, "b.test", policy_at(messages, connections), ample());
}

/// How many of `size` octets the site takes, ten thousand at most.
std::size_t fill(Site& site, std::uint64_t size) {
  for (std::size_t taken = 0; taken < 10'000; ++taken) {
    auto claim = claim_of(message_of(size), 0);
    if (!site.offer(claim.message, claim)) return taken;
  }
  return 10'000;
}

}  // namespace

TEST_CASE("recipients of one message are one job, up to the limit of a transaction", "[relay]") {
  auto site = site_of({.concurrency = {}, .recipients_per_transaction = 3});
  const auto message = message_of(100);
  for (std::uint32_t i = 0; i < 5; ++i) {
    auto claim = claim_of(message, i);
    REQUIRE(site.offer(message, claim));
  }
  CHECK(site.ready() == 5);
  auto first = site.take(kStart);
  REQUIRE(first);
  CHECK(first->recipients.size() == 3);
  site.untake(*std::move(first));
  CHECK(site.ready() == 5);
  CHECK(site.take(kStart)->recipients[0].ordinal == 0);
  CHECK(site.take(kStart)->recipients.size() == 2);
  CHECK_FALSE(site.take(kStart));
  CHECK_FALSE(site.work.is_set());
}

TEST_CASE("all sites share one budget, and there is some left for one that comes new", "[relay]") {
  Budget budget(1'000, 1u << 20);
  std::vector<std::unique_ptr<Site>> sites;
  std::size_t taken = 0;
  for (int i = 0; i < 300; ++i) {
    const SiteLimits limits{.concurrency = {}, .ready_recipients = 400};
    sites.push_back(std::make_unique<Site>("key", NextHop(), "b.test", policy_of(limits), budget));
    const auto got = fill(*sites.back(), 10);
    if (i < 8) CHECK(got >= 1);
    taken += got;
  }
  CHECK(taken == budget.recipients());
  CHECK(taken <= 1'000);
  CHECK(budget.bytes() == taken * 10);
  // Once a few have sent theirs, everybody may have more.
  for (int i = 0; i < 5; ++i) (void)sites[static_cast<std::size_t>(i)]->take_all();
  CHECK(fill(*sites.back(), 10) >= 1);
  for (const auto& site : sites) (void)site->take_all();
  CHECK(budget.recipients() == 0);
  CHECK(budget.bytes() == 0);
}

TEST_CASE("the budget's bytes: what does not fit waits, but the largest message goes alone", "[relay]") {
  Budget budget(1'000, 10'000);
  auto one = site_of({}, budget), other = site_of({}, budget);
  CHECK(fill(one, 1'000) == 5);  // as much as is then still free
  CHECK(fill(other, 1'000) == 3);
  CHECK(fill(other, 20'000) == 0);
  const auto job = one.take(kStart);
  REQUIRE(job);
  CHECK(budget.bytes() == 7'000);
  one.untake(*job);
  CHECK(budget.bytes() == 8'000);
  (void)one.take_all();
  (void)other.take_all();
  CHECK(fill(one, 20'000) == 1);
}

TEST_CASE("the ready queue is bounded in recipients and in bytes, but takes any one message", "[relay]") {
  auto site = site_of({.concurrency = {}, .ready_recipients = 6, .ready_bytes = 1000});
  auto large = claim_of(message_of(5'000), 0);
  REQUIRE(site.offer(large.message, large));
  auto small = claim_of(message_of(10), 0);
  CHECK_FALSE(site.offer(small.message, small));
  CHECK(small.message);  // nothing was taken
  CHECK(site.take_all().size() == 1);
  for (int i = 0; i < 3; ++i) {
    auto claim = claim_of(message_of(10), 0);
    CHECK(site.offer(claim.message, claim));
  }
  CHECK_FALSE(site.offer(small.message, small));  // three of six are as many as are still free
}

TEST_CASE("turns come at the pace of the site and never in a hurry", "[relay]") {
  Turns turns;
  CHECK(turns.next(kStart, 100, 0) >= kStart + std::chrono::milliseconds(50));
  auto last = turns.next(kStart, 100, 1'000);
  CHECK(last >= kStart + seconds(10));  // the thousand before take that long
  for (int i = 0; i < 500; ++i) {
    const auto next = turns.next(kStart, 100, 1'000);
    CHECK(next - last == std::chrono::milliseconds(10));
    last = next;
  }
  // However long the queue: everybody is looked at now and then, for the pace may have changed.
  for (int i = 0; i < 100'000; ++i) last = turns.next(kStart, 100, 1'000);
  CHECK(last == kStart + seconds(60));
  CHECK(turns.next(kStart, 0, 1'000'000'000) == kStart + seconds(60));
}

TEST_CASE("a site's pace is what it was seen to do", "[relay]") {
  auto site = site_of({});
  auto now = kStart;
  site.note_done(1, now);  // idle: says nothing
  auto waiting = claim_of(message_of(10), 0);
  REQUIRE(site.offer(waiting.message, waiting));
  for (int i = 0; i < 40'000; ++i) {
    site.note_done(1, now);
    now += std::chrono::milliseconds(1);
  }
  auto last = site.turn(now);
  const auto next = site.turn(now);
  // Turns are given a quarter faster.
  CHECK(next - last > std::chrono::microseconds(750));
  CHECK(next - last < std::chrono::microseconds(850));
}

TEST_CASE("a site that ends nothing for long is looked at ever less often", "[relay]") {
  auto site = site_of({});
  auto waiting = claim_of(message_of(10), 0);
  REQUIRE(site.offer(waiting.message, waiting));
  CHECK(site.turn(kStart) <= kStart + seconds(1));  // a guess for a quick one
  const auto now = kStart + seconds(10);
  const auto first = site.turn(now);
  CHECK(site.turn(now) - first >= seconds(7));  // a quarter faster than one in ten seconds
  // It works after all: at once it counts as quick again.
  site.note_done(5'000, now + seconds(1));
  const auto later = now + seconds(61);
  (void)site.take_all();
  auto next = claim_of(message_of(10), 0);
  REQUIRE(site.offer(next.message, next));
  CHECK(site.turn(later) <= later + seconds(1));
}

TEST_CASE("a site that was slow and is quick now does not wait for turns of its slow days", "[relay]") {
  auto site = site_of({});
  auto now = kStart;
  auto waiting = claim_of(message_of(10), 0);
  REQUIRE(site.offer(waiting.message, waiting));
  for (int i = 0; i < 50; ++i) site.note_done(1, now += seconds(10));
  auto last = site.turn(now);
  auto next = site.turn(now);
  CHECK(next - last >= seconds(7));
  // It does a hundred in a tenth of a second, and then waits while others have a turn later.
  for (int i = 0; i < 100; ++i) site.note_done(1, now += std::chrono::milliseconds(1));
  (void)site.take_all();
  site.note_done(1, now);
  auto more = claim_of(message_of(10), 0);
  REQUIRE(site.offer(more.message, more));
  last = site.turn(now);
  next = site.turn(now);
  CHECK(next - last <= std::chrono::milliseconds(1));
  CHECK(next <= now + std::chrono::milliseconds(100));
}

TEST_CASE("at a message rate, what is ready goes out evenly, and one minute's worth is ready", "[relay]") {
  auto site = site_at(Rate{30, std::chrono::minutes(1)});
  CHECK(fill(site, 10) == 15);  // of 30; others find room, too
  CHECK(site.held(kStart).why == Site::Wait::kNothing);
  CHECK(site.wants_connection(kStart));
  REQUIRE(site.take(kStart));
  CHECK_FALSE(site.take(kStart));
  CHECK_FALSE(site.work.is_set());  // nobody is to wake up for it
  CHECK_FALSE(site.wants_connection(kStart));
  CHECK(site.held(kStart).why == Site::Wait::kMessageRate);
  CHECK(site.held(kStart).until == kStart + seconds(2));
  CHECK(site.wants_connection(kStart + seconds(2)));
  site.connections = site.waiting = 1;
  CHECK_FALSE(site.wants_connection(kStart + seconds(2)));  // the open one can do it
  CHECK(site.take(kStart + seconds(2)));
  CHECK_FALSE(site.take(kStart + seconds(3)));
}

TEST_CASE("what finds no room at a rated site comes back at its rate, however long that takes", "[relay]") {
  auto site = site_at(Rate{6, std::chrono::minutes(1)});
  (void)fill(site, 10);
  auto last = site.turn(kStart);
  for (int i = 0; i < 30; ++i) {
    const auto next = site.turn(kStart);
    CHECK(next - last == seconds(10));
    last = next;
  }
  for (int i = 0; i < 100; ++i) last = site.turn(kStart);
  CHECK(last == kStart + std::chrono::minutes(10));
}

TEST_CASE("at a connection rate, no more connections are opened", "[relay]") {
  auto site = site_at(std::nullopt, Rate{1, std::chrono::minutes(1)});
  (void)fill(site, 10);
  CHECK(site.wants_connection(kStart));
  site.connecting(kStart);
  ++site.connections;
  CHECK_FALSE(site.wants_connection(kStart));
  CHECK(site.held(kStart).why == Site::Wait::kConnectionRate);
  CHECK(site.held(kStart).until == kStart + seconds(60));
  CHECK(site.wants_connection(kStart + seconds(60)));
}

TEST_CASE("a site is not forgotten while that would give it more than its rate", "[relay]") {
  auto site = site_at(Rate{1, std::chrono::hours(1)});
  CHECK(site.forgettable(kStart));
  auto claim = claim_of(message_of(10), 0);
  REQUIRE(site.offer(claim.message, claim));
  CHECK_FALSE(site.forgettable(kStart));
  REQUIRE(site.take(kStart));
  CHECK(site.idle());
  CHECK_FALSE(site.forgettable(kStart + std::chrono::minutes(59)));
  CHECK(site.forgettable(kStart + std::chrono::minutes(60)));
}

TEST_CASE("a new policy holds for what is ready", "[relay]") {
  auto site = site_at(Rate{1, std::chrono::hours(1)});
  (void)fill(site, 10);
  REQUIRE(site.take(kStart));
  CHECK_FALSE(site.take(kStart));
  site.set_policy(policy_at(std::nullopt));
  CHECK(site.take(kStart));
  CHECK(site.take(kStart));
  CHECK(fill(site, 10) > 100);
  const auto ready = site.ready();
  site.set_policy(policy_at(Rate{1, std::chrono::minutes(1)}));
  CHECK(fill(site, 10) == 0);  // far more is ready than that allows, but what is ready stays
  CHECK(site.ready() == ready);
}
