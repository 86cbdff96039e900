#include "common/async/task_group.h"

#include <catch2/catch.hpp>

#include <memory>
#include <stdexcept>
#include <vector>

using namespace quartet;
using namespace quartet::async;
using namespace std::chrono_literals;

namespace {

Task<void> count_up(int& count) {
  ++count;
  co_return;
}

Task<void> wait_for(Event& event, std::shared_ptr<int> held) {
  co_await event.wait_uncancellable();
  (void)held;
}

Task<void> throw_now() {
  throw std::runtime_error("no frame was left");
  co_return;
}

Task<void> throw_later() {
  co_await yield();
  throw std::runtime_error("no frame was left");
}

Task<void> throw_a_number() {
  co_await yield();
  throw 7;
}

Task<void> exceptions_end_one_task(std::vector<std::string>& texts) {
  TaskGroup::set_exception_handler([&texts](const std::string& text) { texts.push_back(text); });
  TaskGroup group;
  Event event;
  const auto held = std::make_shared<int>(0);
  group.spawn(wait_for(event, held));
  group.spawn(throw_now());
  group.spawn(throw_later());
  group.spawn(throw_a_number());
  const bool all = co_await group.join(Deadline::after(20ms));
  CHECK_FALSE(all);
  CHECK(group.size() == 1);
  event.set();
  co_await group.join();
  CHECK(held.use_count() == 1);
  TaskGroup::set_exception_handler([](const std::string& text) { FAIL(text); });
}

Task<void> closing_refuses() {
  TaskGroup group;
  int count = 0;
  const auto held = std::make_shared<int>(0);
  Event event;
  CHECK(group.spawn(count_up(count)));
  CHECK(count == 1);  // started at once
  const bool closed = co_await group.close();
  CHECK(closed);
  CHECK(group.stop_requested());
  CHECK_FALSE(group.spawn(count_up(count)));
  CHECK_FALSE(group.spawn(wait_for(event, held)));
  CHECK(held.use_count() == 1);  // dropped
  CHECK(count == 1);
  const bool again = co_await group.close();
  CHECK(again);
}

Task<void> spawn_more(TaskGroup& group, int left, int& count) {
  co_await yield();
  ++count;
  if (left > 0) group.spawn(spawn_more(group, left - 1, count));
}

Task<void> join_waits_for_late_comers() {
  TaskGroup group;
  int count = 0;
  group.spawn(spawn_more(group, 99, count));
  const bool all = co_await group.join(Deadline::after(10s));
  CHECK(all);
  CHECK(count == 100);
}

Task<void> two_joins(int& joined, TaskGroup& group) {
  co_await group.join();
  ++joined;
}

Task<void> several_may_join() {
  TaskGroup group;
  TaskGroup joining;
  Event event;
  int joined = 0;
  group.spawn(wait_for(event, nullptr));
  joining.spawn(two_joins(joined, group));
  joining.spawn(two_joins(joined, group));
  event.set();
  co_await joining.join();
  CHECK(joined == 2);
}

Task<void> sleep_long(bool& cancelled) {
  const auto waited = co_await sleep_for(1h);
  cancelled = waited == Wait::kCancelled;
}

Task<void> with_children(bool& child, bool& own) {
  TaskGroup children;
  children.spawn(sleep_long(child));
  const auto waited = co_await sleep_for(1h);
  own = waited == Wait::kCancelled;
  co_await children.close();
}

Task<void> stop_goes_down() {
  TaskGroup group;
  bool child = false;
  bool own = false;
  group.spawn(with_children(child, own));
  const bool closed = co_await group.close(Deadline::after(10s));
  CHECK(closed);
  CHECK(child);
  CHECK(own);
}

/// Stops its own group from within one of its tasks.
Task<void> stop_own_group(TaskGroup& group) {
  co_await yield();
  group.request_stop();
  const auto waited = co_await sleep_for(1h);
  CHECK(waited == Wait::kCancelled);
}

Task<void> stopped_from_within() {
  TaskGroup group;
  bool cancelled = false;
  group.spawn(sleep_long(cancelled));
  group.spawn(stop_own_group(group));
  const bool all = co_await group.join(Deadline::after(10s));
  CHECK(all);
  CHECK(cancelled);
}

}  // namespace

TEST_CASE("an exception at a task's root ends that task alone", "[async]") {
  std::vector<std::string> texts;
  Loop().block_on(exceptions_end_one_task(texts));
  REQUIRE(texts.size() == 3);
  CHECK(texts[0] == "no frame was left");
  CHECK(texts[1] == "no frame was left");
  CHECK(texts[2] == "of a type that is no std::exception");
}
TEST_CASE("a closed group refuses tasks and drops them", "[async]") { Loop().block_on(closing_refuses()); }
TEST_CASE("join waits for tasks that tasks spawn", "[async]") { Loop().block_on(join_waits_for_late_comers()); }
TEST_CASE("several may wait for one group", "[async]") { Loop().block_on(several_may_join()); }
TEST_CASE("a stopped parent closes its children's group", "[async]") { Loop().block_on(stop_goes_down()); }
TEST_CASE("a task may stop its own group", "[async]") { Loop().block_on(stopped_from_within()); }
