// What operators want of recipients that are being delivered just then, when the process dies before they come back.
#include "helpers.h"

using namespace quartet;
using namespace quartet::spool;
using namespace quartet::spool::test;
using std::chrono::hours;

namespace {

Filter only(std::string address) {
  Filter filter;
  filter.recipient = std::move(address);
  return filter;
}

}  // namespace

TEST_CASE("a hold or drop of an active recipient outlives a crash", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  const bool checkpoint = GENERATE(false, true);
  enqueue(*spool, message_to({"hold@b.test", "drop@b.test", "free@b.test", "done@b.test"}));
  enqueue(*spool, message_to({"drop@b.test"}));
  const auto claims = claim_all(*spool);
  REQUIRE(claims.size() == 5);
  CHECK(spool->hold(only("hold@b.test"), "why").pending == 1);
  CHECK(spool->drop(only("drop@b.test"), "why").pending == 2);
  CHECK(spool->drop(only("done@b.test")).pending == 1);
  REQUIRE(record(*spool, {outcome_of(claims[3], Result::kDelivered)}));
  if (checkpoint) REQUIRE(spool->tidy());
  REQUIRE(sync(*spool));
  const CrashCopy copy(directory.path());
  for (int times = 0; times < 2; ++times) {  // and after what a start does of it
    auto again = open_spool(copy.path());
    CHECK(again->open_report().damage.empty());
    CHECK(again->counts().messages == 1);
    const auto entries = again->list({}, 10)->entries;
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].address == "hold@b.test");
    CHECK(entries[0].state == State::kHeld);
    CHECK(entries[0].last.text == "why");
    CHECK(entries[1].address == "free@b.test");
    CHECK(entries[1].state == State::kQueued);
    const auto due = claim_all(*again);
    REQUIRE(due.size() == 1);
    CHECK(due[0].address == "free@b.test");
  }
  // Nothing of it has changed for the process that lives on.
  CHECK(spool->counts().recipients[static_cast<std::size_t>(State::kActive)] == 4);
  REQUIRE(record(*spool, {deferral_of(claims[0], wall_now()), deferral_of(claims[1], wall_now()),
                          outcome_of(claims[2], Result::kDelivered), outcome_of(claims[4], Result::kDelivered)}));
  CHECK(spool->counts().total_recipients() == 1);
  CHECK(spool->list({}, 10)->entries.at(0).state == State::kHeld);
}

TEST_CASE("a hold and a next hop that come while a recipient is active are both there after a crash", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  enqueue(*spool, message_to({"a@b.test"}));
  REQUIRE(claim_all(*spool).size() == 1);
  const bool hold_first = GENERATE(false, true);
  if (hold_first) spool->hold({});
  spool->change({}, {.verb = Verb::kReroute, .next_hop = "other.test"});
  if (!hold_first) spool->hold({});
  REQUIRE(sync(*spool));
  const CrashCopy copy(directory.path());
  const auto entry = open_spool(copy.path())->list({}, 10)->entries.at(0);
  CHECK(entry.state == State::kHeld);
  CHECK(entry.next_hop == "other.test");
}

TEST_CASE("a bounce of an active recipient beats a hold that came before", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  enqueue(*spool, message_to({"a@b.test"}));
  const auto claims = claim_all(*spool);
  REQUIRE(claims.size() == 1);
  spool->hold({});
  spool->change({}, {.verb = Verb::kBounce, .reply = {550, "5.7.1", "no", ""}});
  REQUIRE(sync(*spool));
  const CrashCopy copy(directory.path());
  auto again = open_spool(copy.path());
  REQUIRE(record(*spool, {deferral_of(claims[0], wall_now() + hours(1))}));
  for (auto* one : {spool.get(), again.get()}) {
    const auto due = one->claim_due(wall_now(), 10);
    REQUIRE(due.size() == 1);
    CHECK(due[0].bounce);
  }
}
