// Subscriptions: what happens is told in order, and a slow watcher costs nobody anything.
#include <map>
#include <thread>

#include "helpers.h"

using namespace quartet;
using namespace quartet::spool;
using namespace quartet::spool::test;

namespace {

std::vector<EventKind> kinds(Subscription& subscription) {
  std::vector<EventKind> found;
  for (const auto& event : subscription.take(1000)) found.push_back(event.kind);
  return found;
}

}  // namespace

TEST_CASE("a watcher sees the life of a recipient", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  const auto subscription = spool->subscribe(100);
  std::atomic<int> ready = 0;
  subscription->on_ready([&ready] { ++ready; });
  auto message = message_to({"a@b.test"});
  message.envelope.trace_id = "trace";
  const auto id = enqueue(*spool, std::move(message));
  REQUIRE(before_long([&] { return ready == 1; }));
  auto events = subscription->take(10);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == EventKind::kEnqueued);
  CHECK(events[0].recipient == RecipientId{id, 0});
  CHECK(events[0].address == "a@b.test");
  CHECK(events[0].trace_id == "trace");

  auto claims = claim_all(*spool);
  REQUIRE(record(*spool, {deferral_of(claims[0], wall_now())}));
  (void)spool->hold({}, "why");
  (void)spool->release({});
  (void)spool->retry_now({});
  claims = claim_all(*spool);
  REQUIRE(record(*spool, {outcome_of(claims[0], Result::kDelivered)}));
  CHECK(kinds(*subscription) == std::vector{EventKind::kActive, EventKind::kDeferred, EventKind::kHeld,
                                            EventKind::kReleased, EventKind::kRescheduled, EventKind::kActive,
                                            EventKind::kDelivered});
}

TEST_CASE("events come in the order of the changes, whoever makes them", "[spool]") {
  constexpr int kMessages = 200;
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  const auto subscription = spool->subscribe(1'000'000);
  std::atomic<bool> over = false;
  std::atomic<int> turn = 0;
  std::vector<std::thread> operators;
  for (int i = 0; i < 2; ++i) {
    operators.emplace_back([&, hold = i == 0] {
      // A few times for each new message: without end they would only be in each other's way.
      for (int seen = 0; !over; seen = turn) {
        turn.wait(seen);
        for (int pass = 0; pass < 3; ++pass) (void)(hold ? spool->hold({}) : spool->release({}));
      }
    });
  }
  std::map<RecipientId, EventKind> last;
  std::uint64_t lost = 0, wrong = 0;
  const auto look = [&] {
    std::uint64_t left_out = 0;
    for (const auto& event : subscription->take(1'000'000, &left_out)) {
      const auto before = last.find(event.recipient);
      const bool first = before == last.end();
      const auto expected = first || before->second == EventKind::kHeld ? EventKind::kReleased : EventKind::kHeld;
      if (event.kind != (first ? EventKind::kEnqueued : expected)) ++wrong;
      last[event.recipient] = event.kind;
    }
    lost += left_out;
  };
  for (int i = 0; i < kMessages; ++i) {
    ++turn;
    turn.notify_all();
    enqueue(*spool, message_to({"r@b.test"}));
    look();
  }
  over = true;
  ++turn;
  turn.notify_all();
  for (auto& each : operators) each.join();
  look();
  CHECK(wrong == 0);
  CHECK(lost == 0);
  CHECK(last.size() == kMessages);
}

TEST_CASE("events that do not fit are counted, and the queue goes on", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  const auto slow = spool->subscribe(3);
  const auto quick = spool->subscribe(100);
  for (int i = 0; i < 10; ++i) enqueue(*spool, message_to({"r" + std::to_string(i) + "@b.test"}));
  REQUIRE(sync(*spool));
  std::vector<Event> all;
  REQUIRE(before_long([&] {
    for (auto& event : quick->take(100)) all.push_back(std::move(event));
    return all.size() == 10;
  }));
  std::uint64_t lost = 0;
  const auto kept = slow->take(100, &lost);
  REQUIRE(kept.size() == 3);
  CHECK(kept[0].address == "r0@b.test");
  CHECK(kept[2].address == "r2@b.test");
  CHECK(lost == 7);
  CHECK(slow->take(100, &lost).empty());
  CHECK(lost == 0);
}

TEST_CASE("a subscription ends with its last reference", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  std::atomic<int> called = 0;
  auto subscription = spool->subscribe(100);
  subscription->on_ready([&called] { ++called; });
  subscription.reset();
  enqueue(*spool, message_to({"a@b.test"}));
  REQUIRE(sync(*spool));
  CHECK(called == 0);
}
