// Orders of operators that outlive a claim and a crash: to bounce, and to go by another next hop.
#include "common/base/encoding.h"
#include "common/spool/codec.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::spool;
using namespace quartet::spool::test;
using std::chrono::hours;

namespace {

const Reply kRefusal{550, "5.7.1", "asked by the postmaster", ""};

Order bounce() { return {.verb = Verb::kBounce, .reply = kRefusal}; }
Order reroute(std::string next_hop) { return {.verb = Verb::kReroute, .next_hop = std::move(next_hop)}; }

Entry only_entry(const Spool& spool) {
  const auto page = spool.list({}, 10);
  REQUIRE(page.has_value());
  REQUIRE(page->entries.size() == 1);
  return page->entries[0];
}

NewMessage later(std::string address) {
  auto message = message_to({std::move(address)});
  message.due = wall_now() + hours(10);
  return message;
}

}  // namespace

TEST_CASE("a bounce makes due at once, with its reply, and survives a crash", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  enqueue(*spool, later("a@b.test"));
  const bool held = GENERATE(false, true);
  if (held) spool->hold({});
  CHECK(spool->foresee({}, bounce()).changed == 1);
  CHECK(spool->change({}, bounce()).changed == 1);
  CHECK(spool->change({}, bounce()).skipped == 1);
  REQUIRE(sync(*spool));
  const auto before = picture(*spool);
  const CrashCopy copy(directory.path());
  auto again = open_spool(copy.path());
  CHECK(picture(*again) == before);
  const auto claims = again->claim_due(wall_now(), 10);
  REQUIRE(claims.size() == 1);
  CHECK(claims[0].bounce);
  CHECK(claims[0].last == kRefusal);
  REQUIRE(record(*again, {outcome_of(claims[0], Result::kBounced)}));
  CHECK(again->counts().messages == 0);
}

TEST_CASE("a bounce of an active recipient waits for the end of its attempt", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  enqueue(*spool, message_to({"a@b.test"}));
  const auto claims = claim_all(*spool);
  REQUIRE(claims.size() == 1);
  CHECK(spool->foresee({}, bounce()).pending == 1);
  CHECK(spool->change({}, bounce()).pending == 1);
  CHECK(only_entry(*spool).state == State::kActive);
  CHECK(spool->claim_due(wall_now(), 10).empty());
  REQUIRE(sync(*spool));
  const CrashCopy copy(directory.path());  // the power fails during the attempt
  CHECK(open_spool(copy.path())->claim_due(wall_now(), 10).at(0).bounce);

  SECTION("it was delivered") {
    REQUIRE(record(*spool, {outcome_of(claims[0], Result::kDelivered)}));
    CHECK(spool->counts().messages == 0);
    return;
  }
  SECTION("it was put off") { REQUIRE(record(*spool, {deferral_of(claims[0], wall_now() + hours(1))})); }
  SECTION("it came back without an attempt") {
    const std::vector<RecipientId> back{claims[0].id()};
    spool->unclaim(back, wall_now() + hours(1));
  }
  CHECK(only_entry(*spool).last == kRefusal);
  const auto again = spool->claim_due(wall_now(), 10);
  REQUIRE(again.size() == 1);
  CHECK(again[0].bounce);
  // Whoever knows of the order says when he comes back: a disk that takes no notice is not asked without a pause.
  const std::vector<RecipientId> back{again[0].id()};
  spool->unclaim(back, wall_now() + hours(1));
  CHECK(spool->claim_due(wall_now(), 10).empty());
}

TEST_CASE("orders that come while an outcome is on its way are not forgotten", "[spool]") {
  const TemporaryDirectory directory;
  Stall stall;
  auto options = options_for(directory.path());
  options.fault = stall.hook();
  auto spool = open_spool(std::move(options));
  enqueue(*spool, message_to({"a@b.test"}));
  const auto claims = claim_all(*spool);
  stall.begin();
  std::vector<NewMessage> notice;
  auto delayed = later("sender@a.test");
  delayed.envelope.reverse_path.clear();
  notice.push_back(std::move(delayed));
  std::promise<bool> recorded;
  spool->record({deferral_of(claims[0], wall_now() + hours(1))}, std::move(notice),
                [&recorded](auto result) { recorded.set_value(result.has_value()); });
  CHECK(spool->change({}, reroute("other.test")).pending == 1);
  CHECK(spool->change({}, bounce()).pending == 1);
  stall.end();
  REQUIRE(recorded.get_future().get());
  REQUIRE(sync(*spool));
  const auto before = picture(*spool);
  const CrashCopy copy(directory.path());
  const auto reopened = open_spool(copy.path());
  CHECK(picture(*reopened) == before);
  for (auto* one : {spool.get(), reopened.get()}) {
    const auto again = one->claim_due(wall_now(), 10);
    REQUIRE(again.size() == 1);
    CHECK(again[0].bounce);
    CHECK(again[0].next_hop == "other.test");
    CHECK(again[0].attempts == 1);
    CHECK(again[0].last == kRefusal);
  }
}

TEST_CASE("a next hop stays until it is taken back, through attempts, holds and checkpoints", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  enqueue(*spool, later("a@b.test"));
  CHECK(spool->change({}, reroute("other.test:2525")).changed == 1);
  auto claims = spool->claim_due(wall_now(), 10);
  REQUIRE(claims.size() == 1);
  CHECK(claims[0].next_hop == "other.test:2525");
  REQUIRE(record(*spool, {deferral_of(claims[0], wall_now() + hours(1))}));
  CHECK(spool->hold({}).changed == 1);
  CHECK(spool->change({}, reroute("third.test")).changed == 1);
  CHECK(only_entry(*spool).state == State::kHeld);
  REQUIRE(spool->tidy());
  spool.reset();
  spool = open_spool(directory.path());
  CHECK(only_entry(*spool).next_hop == "third.test");
  CHECK(spool->release({}).changed == 1);
  claims = spool->claim_due(wall_now(), 10);
  REQUIRE(claims.size() == 1);
  CHECK(claims[0].next_hop == "third.test");
  CHECK(spool->change({}, reroute("")).pending == 1);
  const std::vector<RecipientId> back{claims[0].id()};
  spool->unclaim(back, wall_now() + hours(1));
  CHECK(spool->claim_due(wall_now(), 10).at(0).next_hop.empty());
}

TEST_CASE("a change in steps leaves out who no longer matches", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  for (const auto* address : {"a@b.test", "b@b.test", "c@b.test"}) enqueue(*spool, later(address));
  Filter filter;
  filter.states = {State::kQueued};
  const auto all = spool->matching(filter);
  REQUIRE(all.size() == 3);
  Filter second;
  second.recipient = "b@b.test";
  spool->hold(second);
  const Order retry{.verb = Verb::kRetry};
  auto affected = spool->change(filter, std::span(all).first(2), retry);
  CHECK(affected.changed == 1);
  affected += spool->change(filter, std::span(all).subspan(2), retry);
  CHECK(affected.changed == 2);
  CHECK(affected.skipped == 0);
}

TEST_CASE("records without orders are as they always were, and those of old are read", "[spool]") {
  Update update;
  update.recipient = {MessageId(1, 2), 3};
  update.state = State::kDeferred;
  update.attempts = 4;
  update.delay_notified = true;
  update.due = from_micros(5);
  update.reply = {451, "4.3.0", "later", "mx"};
  // As version 1 has it.
  std::string old;
  put_le(old, std::uint8_t{1});
  put_le(old, std::uint32_t{1});
  put_le(old, std::uint64_t{1});
  put_le(old, std::uint64_t{2});
  put_le(old, std::uint32_t{3});
  put_le(old, std::uint8_t{2});
  put_le(old, std::uint16_t{4});
  put_le(old, std::uint8_t{1});
  put_le(old, std::int64_t{5});
  put_le(old, std::uint16_t{451});
  for (const auto* text : {"4.3.0", "later", "mx"}) put_bytes(old, text);
  CHECK(encode_updates(std::span(&update, 1)) == old);
  const auto read = decode_updates(old);
  REQUIRE(read);
  CHECK(read->at(0).delay_notified);
  CHECK_FALSE(read->at(0).bounce);
  CHECK(read->at(0).next_hop.empty());

  update.bounce = true;
  update.next_hop = "other.test";
  const auto fresh = decode_updates(encode_updates(std::span(&update, 1)));
  REQUIRE(fresh);
  CHECK(fresh->at(0).bounce);
  CHECK(fresh->at(0).next_hop == "other.test");
  CHECK(fresh->at(0).delay_notified);
  old[0] = 4;
  CHECK_FALSE(decode_updates(old));
}
