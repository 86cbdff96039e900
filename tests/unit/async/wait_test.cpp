#include "common/async/wait.h"

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <vector>

#include "common/async/task_group.h"
#include "common/async/timer_heap.h"

using namespace quartet;
using namespace quartet::async;
using namespace std::chrono_literals;

namespace {

Task<void> sleep_and_note(std::chrono::milliseconds time, char name, std::string& order) {
  const auto waited = co_await sleep_for(time);
  CHECK(waited == Wait::kTimedOut);
  order += name;
}

Task<std::string> sleepers() {
  std::string order;
  TaskGroup group;
  group.spawn(sleep_and_note(30ms, 'c', order));
  group.spawn(sleep_and_note(10ms, 'b', order));
  group.spawn(sleep_and_note(0ms, 'a', order));
  group.spawn(sleep_and_note(-5ms, 'a', order));
  co_await group.join();
  co_return order;
}

Task<void> wait_and_note(Event& event, Deadline deadline, std::vector<Wait>& results) {
  const auto waited = co_await event.wait(deadline);
  results.push_back(waited);
}

Task<void> event_is_a_level() {
  Event event;
  std::vector<Wait> results;
  TaskGroup group;
  for (int i = 0; i < 3; ++i) group.spawn(wait_and_note(event, Deadline::never(), results));
  CHECK(results.empty());
  event.set();
  CHECK(results.empty());  // resumed later, not from within set()
  co_await group.join();
  CHECK(results == std::vector<Wait>(3, Wait::kReady));
  // While it is set nobody waits; after reset() they do.
  const auto at_once = co_await event.wait(Deadline::at(SteadyTime::min()));
  CHECK(at_once == Wait::kReady);
  event.reset();
  const auto late = co_await event.wait(Deadline::after(5ms));
  CHECK(late == Wait::kTimedOut);
}

Task<void> deadlines_end_waits_apart() {
  Event event;
  std::vector<Wait> early;
  std::vector<Wait> late;
  TaskGroup group;
  group.spawn(wait_and_note(event, Deadline::after(5ms), early));
  group.spawn(wait_and_note(event, Deadline::after(10s), late));
  group.spawn(wait_and_note(event, Deadline::at(SteadyTime::min()), early));
  co_await sleep_for(20ms);
  CHECK(early == std::vector<Wait>(2, Wait::kTimedOut));
  CHECK(late.empty());
  event.set();
  co_await group.join();
  CHECK(late == std::vector<Wait>{Wait::kReady});
}

Task<void> sleep_forever(std::vector<Wait>& results) {
  const auto waited = co_await sleep_until(Deadline::never());
  results.push_back(waited);
  // Every later wait of a stopped group ends at once, and the coroutine returns in its own time.
  const auto again = co_await sleep_for(1h);
  results.push_back(again);
  const bool stop = co_await stop_requested();
  CHECK(stop);
}

Task<void> wait_uncancellably(Event& event, std::vector<Wait>& results) {
  const auto waited = co_await event.wait_uncancellable(Deadline::after(10s));
  results.push_back(waited);
}

Task<void> stop_ends_all_waits_but_joins() {
  Event event;
  std::vector<Wait> results;
  std::vector<Wait> stubborn;
  TaskGroup group;
  group.spawn(sleep_forever(results));
  group.spawn(wait_and_note(event, Deadline::never(), results));
  group.spawn(wait_uncancellably(event, stubborn));
  group.request_stop();
  group.request_stop();  // once more does no harm
  const bool all = co_await group.join(Deadline::after(20ms));
  CHECK_FALSE(all);
  CHECK(results == std::vector<Wait>(3, Wait::kCancelled));
  CHECK(stubborn.empty());
  CHECK(group.size() == 1);
  event.set();
  co_await group.join();
  CHECK(stubborn == std::vector<Wait>{Wait::kReady});
}

Task<void> set_then_stop(std::vector<Wait>& results) {
  Event event;
  TaskGroup group;
  group.spawn(wait_and_note(event, Deadline::after(10s), results));
  event.set();
  group.request_stop();  // it was ready before: that stands
  co_await group.join();
}

Task<void> never_stopped(bool& stop) { stop = co_await stop_requested(); }

struct Node : TimerNode {
  void on_timer() override { fired = true; }
  bool fired = false;
};

}  // namespace

TEST_CASE("sleepers wake in the order of their times", "[async]") { CHECK(Loop().block_on(sleepers()) == "aabc"); }
TEST_CASE("an event is a level that wakes all waiters", "[async]") { Loop().block_on(event_is_a_level()); }
TEST_CASE("a deadline ends one wait and leaves the others", "[async]") { Loop().block_on(deadlines_end_waits_apart()); }
TEST_CASE("a stop ends pending and later waits, not those of joins", "[async]") {
  Loop().block_on(stop_ends_all_waits_but_joins());
}
TEST_CASE("what was ready before the stop stays ready", "[async]") {
  std::vector<Wait> results;
  Loop().block_on(set_then_stop(results));
  CHECK(results == std::vector<Wait>{Wait::kReady});
}
TEST_CASE("without a group nothing is stopped", "[async]") {
  bool stop = true;
  Loop().block_on(never_stopped(stop));
  CHECK_FALSE(stop);
}

TEST_CASE("a deadline far away is never, and does not overflow", "[async]") {
  CHECK(Deadline::after(std::chrono::nanoseconds::max()).is_never());
  CHECK_FALSE(Deadline::after(std::chrono::nanoseconds::max()).passed());
  CHECK(Deadline::after(-1s).passed());
  CHECK(earlier(Deadline::never(), Deadline::after(1s)).time() < SteadyTime::max());
}

TEST_CASE("the timer heap fires what is due and forgets what was disarmed", "[async]") {
  std::mt19937 random(42);
  std::vector<Node> nodes(500);
  std::vector<int> times;
  TimerHeap heap;
  const SteadyTime start{};
  for (auto& node : nodes) {
    times.push_back(static_cast<int>(random() % 100));
    heap.arm(node, start + std::chrono::milliseconds(times.back()));
  }
  for (std::size_t i = 0; i < nodes.size(); i += 3) heap.disarm(nodes[i]);
  for (std::size_t i = 0; i < nodes.size(); i += 3) heap.disarm(nodes[i]);  // idle: nothing happens
  for (int now : {0, 1, 37, 99, 100}) {
    heap.fire(start + std::chrono::milliseconds(now));
    for (std::size_t i = 0; i < nodes.size(); ++i) CHECK(nodes[i].fired == (i % 3 != 0 && times[i] <= now));
    if (!heap.empty()) CHECK(heap.next() > start + std::chrono::milliseconds(now));
  }
  CHECK(heap.empty());
}
