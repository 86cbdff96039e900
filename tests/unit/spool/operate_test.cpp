// Operators' verbs: hold, release, retry, reschedule, drop; on what waits and on what is being delivered.
#include "helpers.h"

using namespace quartet;
using namespace quartet::spool;
using namespace quartet::spool::test;
using std::chrono::hours;

namespace {

Filter only(const std::string& address) {
  Filter filter;
  filter.recipient = address;
  return filter;
}

Entry entry_of(const Spool& spool, const std::string& address) {
  const auto page = spool.list(only(address), 10);
  REQUIRE(page.has_value());
  REQUIRE(page->entries.size() == 1);
  return page->entries[0];
}

}  // namespace

TEST_CASE("what is held waits until it is released", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  enqueue(*spool, message_to({"a@b.test", "c@d.test"}));
  const auto held = spool->hold(only("A@B.test"), "to be looked at");
  CHECK(held.changed == 1);
  CHECK(spool->hold(only("a@b.test")).skipped == 1);  // it is held already
  CHECK(entry_of(*spool, "a@b.test").state == State::kHeld);
  CHECK(entry_of(*spool, "a@b.test").last.text == "to be looked at");
  CHECK(claim_all(*spool).size() == 1);
  CHECK(spool->retry_now(only("a@b.test")).skipped == 1);  // only a release ends a hold
  CHECK(spool->release(only("c@d.test")).skipped == 1);

  spool.reset();
  spool = open_spool(directory.path());
  CHECK(entry_of(*spool, "a@b.test").state == State::kHeld);
  CHECK(spool->release({}).changed == 1);
  CHECK(entry_of(*spool, "a@b.test").state == State::kQueued);
  CHECK(spool->claim_due(wall_now(), 10).size() == 2);
}

TEST_CASE("a hold or drop of an active recipient takes effect when it comes back deferred", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  const bool unclaimed = GENERATE(false, true);
  enqueue(*spool, message_to({"hold@b.test", "drop@b.test", "done@b.test"}));
  const auto claims = claim_all(*spool);
  REQUIRE(claims.size() == 3);
  CHECK(spool->hold(only("hold@b.test")).pending == 1);
  CHECK(spool->drop(only("drop@b.test")).pending == 1);
  CHECK(spool->hold(only("done@b.test")).pending == 1);
  CHECK(spool->reschedule({}, wall_now() + hours(1)).skipped == 3);
  CHECK(spool->counts().recipients[static_cast<std::size_t>(State::kActive)] == 3);
  REQUIRE(record(*spool, {outcome_of(claims[2], Result::kDelivered)}));  // it made it all the same
  if (unclaimed) {
    const std::vector<RecipientId> ids{claims[0].id(), claims[1].id()};
    spool->unclaim(ids);
  } else {
    REQUIRE(record(*spool, {deferral_of(claims[0], wall_now()), deferral_of(claims[1], wall_now())}));
  }
  CHECK(spool->counts().total_recipients() == 1);
  CHECK(entry_of(*spool, "hold@b.test").state == State::kHeld);
  CHECK(entry_of(*spool, "hold@b.test").attempts == (unclaimed ? 0 : 1));
  CHECK(claim_all(*spool).empty());
  REQUIRE(sync(*spool));
  const auto before = picture(*spool);
  const CrashCopy copy(directory.path());
  CHECK(picture(*open_spool(copy.path())) == before);
}

TEST_CASE("a hold while outcomes with a bounce are on their way is not forgotten", "[spool]") {
  const TemporaryDirectory directory;
  Stall stall;
  auto options = options_for(directory.path());
  options.fault = stall.hook();
  auto spool = open_spool(std::move(options));
  enqueue(*spool, message_to({"a@b.test", "z@b.test"}));
  const auto claims = claim_all(*spool);
  stall.begin();
  std::vector<NewMessage> notice;
  notice.push_back(message_to({"sender@a.test"}, "late", ""));
  std::promise<bool> recorded;
  spool->record({deferral_of(claims[0], wall_now()), outcome_of(claims[1], Result::kBounced)}, std::move(notice),
                [&recorded](auto result) { recorded.set_value(result.has_value()); });
  CHECK(spool->hold(only("a@b.test")).pending == 1);
  stall.end();
  REQUIRE(recorded.get_future().get());
  CHECK(entry_of(*spool, "a@b.test").state == State::kHeld);
  CHECK(spool->counts().messages == 2);
  REQUIRE(sync(*spool));
  const auto before = picture(*spool);
  const CrashCopy copy(directory.path());
  CHECK(picture(*open_spool(copy.path())) == before);
}

TEST_CASE("retry makes due at once, reschedule at a given time, drop removes", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  for (int i = 0; i < 3; ++i) {
    auto message = message_to({"r" + std::to_string(i) + "@b.test"});
    message.due = wall_now() + hours(10);
    enqueue(*spool, std::move(message));
  }
  CHECK(spool->claim_due(wall_now(), 10).empty());
  int changes = 0;
  spool->on_change([&changes] { ++changes; });
  (void)spool->next_due();
  CHECK(spool->retry_now(only("r0@b.test")).changed == 1);
  CHECK(changes == 1);
  const auto later = wall_now() + hours(2);
  CHECK(spool->reschedule(only("r1@b.test"), later).changed == 1);
  CHECK(entry_of(*spool, "r1@b.test").next_attempt == later);
  CHECK(spool->drop(only("r2@b.test"), "not wanted").changed == 1);
  CHECK(spool->counts().total_recipients() == 2);
  const auto claims = spool->claim_due(wall_now(), 10);
  REQUIRE(claims.size() == 1);
  CHECK(claims[0].address == "r0@b.test");
  spool->on_change({});
  spool.reset();
  spool = open_spool(directory.path());
  CHECK(spool->counts().total_recipients() == 2);
  CHECK(entry_of(*spool, "r1@b.test").next_attempt == later);
}

TEST_CASE("claims of a filter take held ones only when asked, and give them back held", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  auto held = message_to({"held@b.test"});
  held.held = true;
  enqueue(*spool, std::move(held));
  enqueue(*spool, message_to({"free@b.test"}));
  Filter filter;
  filter.recipient_domains = {"b.test"};
  const auto first = spool->claim(filter, 10);
  REQUIRE(first.size() == 1);
  CHECK(first[0].address == "free@b.test");
  filter.states = {State::kHeld};
  const auto second = spool->claim(filter, 10);
  REQUIRE(second.size() == 1);
  CHECK(second[0].address == "held@b.test");
  const std::vector<RecipientId> back{first[0].id(), second[0].id()};
  spool->unclaim(back);
  CHECK(entry_of(*spool, "held@b.test").state == State::kHeld);
  CHECK(entry_of(*spool, "free@b.test").state == State::kQueued);
  CHECK(spool->claim(filter, 0).empty());
}
