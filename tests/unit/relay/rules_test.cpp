#include "common/relay/rules.h"

#include "helpers.h"

using namespace quartet;
using namespace quartet::relay;
using namespace std::chrono_literals;

namespace {

const auto kNow = from_micros(1'800'000'000'000'000);

Rule hold(std::string id) {
  Rule rule;
  rule.id = std::move(id);
  rule.since = kNow;
  rule.until = kNow + 1h;
  return rule;
}

spool::Claim claim_of(const std::string& sender, const std::string& recipient, WallTime received = kNow) {
  auto message = std::make_shared<spool::Message>();
  message->id = Id::make();
  message->envelope.reverse_path = sender;
  message->envelope.received = received;
  spool::Claim claim;
  claim.message = std::move(message);
  claim.address = recipient;
  return claim;
}

}  // namespace

TEST_CASE("what a rule matches", "[relay]") {
  auto rule = hold("r");
  CHECK(matches(rule, claim_of("a@a.test", "b@b.test"), kNow));
  CHECK_FALSE(matches(rule, claim_of("a@a.test", "b@b.test"), kNow + 1h));  // its time is over
  rule.filter.recipient_domains = {".b.test", "c.test"};
  CHECK(matches(rule, claim_of("", "x@sub.B.test"), kNow));
  CHECK(matches(rule, claim_of("", "x@c.test"), kNow));
  CHECK_FALSE(matches(rule, claim_of("", "x@b.test"), kNow));
  rule.filter = {};
  rule.filter.sender = "";
  CHECK(matches(rule, claim_of("", "x@b.test"), kNow));
  CHECK_FALSE(matches(rule, claim_of("a@a.test", "x@b.test"), kNow));
  rule.filter = {};
  rule.filter.sender_domain = "a.test";
  rule.filter.attempts_from = 2;
  auto claim = claim_of("x@A.TEST", "x@b.test");
  CHECK_FALSE(matches(rule, claim, kNow));
  claim.attempts = 2;
  CHECK(matches(rule, claim, kNow));
  rule.ending = true;
  CHECK_FALSE(matches(rule, claim, kNow));
}

TEST_CASE("the age of a message counts when it is tried", "[relay]") {
  auto rule = hold("r");
  rule.until = kNow + 10h;
  rule.older_than = 2h;
  const auto claim = claim_of("a@a.test", "b@b.test", kNow);
  CHECK_FALSE(matches(rule, claim, kNow + 2h - 1us));
  CHECK(matches(rule, claim, kNow + 2h));
  rule.newer_than = 3h;
  CHECK(matches(rule, claim, kNow + 3h - 1us));
  CHECK_FALSE(matches(rule, claim, kNow + 3h));
}

TEST_CASE("rules hold over a restart with all that is said of them", "[relay]") {
  const spool::test::TemporaryDirectory directory;
  auto full = hold("full");
  full.kind = Rule::Kind::kBounce;
  full.filter.sender = "";
  full.filter.recipient = "x@b.test";
  full.filter.recipient_domains = {"b.test", ".c.test"};
  full.filter.last_code = 452;
  full.filter.auth_id = "ann";
  full.older_than = 2h;
  full.selector = std::string("\0opaque", 7);
  full.reason = "why";
  full.who = "unix:uid=0";
  full.reply = {550, "5.7.1", "why", ""};
  auto slow = hold("slow");
  slow.kind = Rule::Kind::kThrottle;
  slow.rate = {100, 60s};
  {
    Rules rules(directory.path());
    CHECK_FALSE(rules.any());
    REQUIRE(rules.add(full));
    REQUIRE(rules.add(slow));
    auto claim = claim_of("", "x@b.test", kNow - 2h);
    claim.last.code = 452;
    CHECK_FALSE(rules.match(claim, kNow, false));  // not by ann
    CHECK(rules.match(claim, kNow, true)->id == "slow");
    rules.save_counts();
  }
  Rules rules(directory.path());
  CHECK(rules.any());
  const auto kept = rules.list();
  REQUIRE(kept.size() == 2);
  CHECK(encode_rules({kept[0]}) == encode_rules({full}));
  CHECK(kept[0].reply == full.reply);
  CHECK(kept[0].filter.recipient_domains == full.filter.recipient_domains);
  CHECK(kept[0].filter.sender == "");
  CHECK_FALSE(kept[0].filter.sender_domain);
  CHECK(kept[0].filter.last_code == 452);
  CHECK(kept[0].older_than == 2h);
  CHECK_FALSE(kept[0].newer_than);
  CHECK(kept[1].rate == slow.rate);
  CHECK(kept[1].matches == 1);
}

TEST_CASE("bytes that are not whole rules are none", "[relay]") {
  const auto bytes = encode_rules({hold("a")});
  CHECK(decode_rules(bytes)->size() == 1);
  CHECK(decode_rules("")->empty());
  for (std::size_t size = 1; size < bytes.size(); ++size) CHECK_FALSE(decode_rules(bytes.substr(0, size)));
}

TEST_CASE("the oldest rule applies; what has its own way is not sent another", "[relay]") {
  Rules rules({});
  auto away = hold("away");
  away.kind = Rule::Kind::kReroute;
  away.next_hop = "relay.test";
  REQUIRE(rules.add(away));
  REQUIRE(rules.add(hold("hold")));
  auto claim = claim_of("a@a.test", "b@b.test");
  CHECK(rules.match(claim, kNow, true)->id == "away");
  claim.next_hop = "other.test";
  CHECK(rules.match(claim, kNow, true)->id == "hold");
}

TEST_CASE("a rule ends by itself once, and an end that was left is taken up again", "[relay]") {
  const spool::test::TemporaryDirectory directory;
  {
    Rules rules(directory.path());
    REQUIRE(rules.add(hold("a")));
    CHECK_FALSE(rules.any_ended(kNow));
    CHECK(rules.next_end() == kNow + 1h);
    REQUIRE(rules.any_ended(kNow + 1h));
    REQUIRE(rules.take_ended(kNow + 1h).size() == 1);
    CHECK_FALSE(rules.any_ended(kNow + 2h));
    CHECK_FALSE(rules.any());
    CHECK(rules.list().at(0).ending);
  }
  Rules rules(directory.path());
  CHECK(rules.any_ended(kNow));
  CHECK(rules.take_ended(kNow).at(0).id == "a");
  CHECK_FALSE(rules.any_ended(kNow + 2h));
  REQUIRE(rules.forget("a"));
  CHECK(rules.list().empty());
  CHECK(Rules(directory.path()).list().empty());
}

TEST_CASE("a rule that an operator ends applies no more", "[relay]") {
  Rules rules({});
  REQUIRE(rules.add(hold("a")));
  CHECK_FALSE(*rules.end("none"));
  CHECK((*rules.end("a"))->id == "a");
  CHECK_FALSE(rules.match(claim_of("", "b@b.test"), kNow, true));
  CHECK((*rules.end("a"))->ending);  // again, if what followed failed
}

TEST_CASE("a throttle lets through what its rate allows, and gives the others turns", "[relay]") {
  Rules rules({});
  auto slow = hold("slow");
  slow.kind = Rule::Kind::kThrottle;
  slow.rate = {60, 60s};
  REQUIRE(rules.add(slow));
  const SteadyTime now{100s};
  CHECK_FALSE(rules.wait_for("slow", now));
  const auto second = rules.wait_for("slow", now), third = rules.wait_for("slow", now);
  REQUIRE(second);
  REQUIRE(third);
  CHECK(*second >= now + 1s);
  CHECK(*third > *second);
  CHECK_FALSE(rules.wait_for("slow", *second));
}
