#include <catch2/catch.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/async/loop_threads.h"
#include "common/async/run_on.h"
#include "common/async/task_group.h"
#include "common/async/thread_pool.h"

using namespace quartet;
using namespace quartet::async;
using namespace std::chrono_literals;

namespace {

Task<void> until(Event& event) {
  const auto waited = co_await event.wait(Deadline::after(60s));
  CHECK(waited == Wait::kReady);
}

Task<int> doubled(ThreadPool& pool, int value) {
  const int result = co_await offload(pool, [value] { return value * 2; });
  co_return result;
}

Task<void> add_doubled(ThreadPool& pool, int value, long& sum) {
  const int result = co_await doubled(pool, value);
  sum += result;
}

Task<long> many_offloads(ThreadPool& pool) {
  long sum = 0;
  TaskGroup group;
  for (int i = 0; i < 1000; ++i) group.spawn(add_doubled(pool, i, sum));
  co_await group.join();
  co_return sum;
}

Task<void> offload_in_stopped_group(ThreadPool& pool, std::atomic<bool>& begun, std::atomic<bool>& may_end,
                                    bool& finished) {
  co_await offload(pool, [&begun, &may_end] {
    begun = true;
    while (!may_end) std::this_thread::yield();
  });
  finished = true;
}

Task<void> offload_is_finished_before_a_close() {
  ThreadPool pool("test", 1);
  std::atomic<bool> begun = false;
  std::atomic<bool> may_end = false;
  bool finished = false;
  TaskGroup group;
  group.spawn(offload_in_stopped_group(pool, begun, may_end, finished));
  while (!begun) co_await yield();
  const bool closed = co_await group.close(Deadline::after(10ms));
  CHECK_FALSE(closed);  // its memory is in use
  CHECK_FALSE(finished);
  may_end = true;
  co_await group.join();
  CHECK(finished);
}

Task<std::string> on_other(Loop& expected, std::unique_ptr<std::string> text) {
  CHECK(&Loop::current() == &expected);
  co_await sleep_for(1ms);
  CHECK(&Loop::current() == &expected);
  co_return *text + "!";
}

Task<void> nothing_on_other(std::atomic<int>& count) {
  co_await yield();
  ++count;
}

Task<void> runs_elsewhere(LoopThreads& threads) {
  Loop& here = Loop::current();
  for (std::size_t i = 0; i < threads.size(); ++i) {
    const auto text = co_await run_on(threads[i], on_other(threads[i], std::make_unique<std::string>("far")));
    CHECK(text == "far!");
    CHECK(&Loop::current() == &here);
  }
  std::atomic<int> count = 0;
  TaskGroup group;
  for (int i = 0; i < 200; ++i) group.spawn(run_on(threads[i % threads.size()], nothing_on_other(count)));
  co_await group.join();
  CHECK(count == 200);
}

/// A ball that is thrown from loop to loop.
Task<void> to_and_fro(LoopThreads& threads, std::size_t at, int left) {
  if (left == 0) co_return;
  const auto next = (at + 1) % threads.size();
  co_await run_on(threads[next], to_and_fro(threads, next, left - 1));
}

}  // namespace

TEST_CASE("many threads post to one loop, each in its order", "[async][threads]") {
  constexpr int kThreads = 8;
  constexpr int kEach = 5000;
  Loop loop;
  Event done;
  std::vector<int> last(kThreads, -1);  // touched by the loop's thread only
  int total = 0;
  bool in_order = true;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        loop.post([&, t, i] {
          in_order = in_order && last[static_cast<std::size_t>(t)] == i - 1;
          last[static_cast<std::size_t>(t)] = i;
          if (++total == kThreads * kEach) done.set();
        });
      }
    });
  }
  loop.block_on(until(done));
  CHECK(total == kThreads * kEach);
  CHECK(in_order);
}

TEST_CASE("what a post owns goes away with it, run or not", "[async][threads]") {
  const auto held = std::make_shared<int>(0);
  {
    Loop loop;
    loop.post([held] {});
    CHECK(held.use_count() == 2);
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("offloaded work resumes on its loop", "[async][threads]") {
  ThreadPool pool("a name of more than fifteen bytes", 4);
  Loop loop;
  CHECK(loop.block_on(many_offloads(pool)) == 999L * 1000);
}

TEST_CASE("offloaded work is finished although the group stops", "[async][threads]") {
  Loop().block_on(offload_is_finished_before_a_close());
}

TEST_CASE("a pool finishes what is queued before it ends", "[async][threads]") {
  std::atomic<int> count = 0;
  {
    ThreadPool pool("test", 2);
    for (int i = 0; i < 500; ++i) pool.submit([&count] { ++count; });
  }
  CHECK(count == 500);
}

TEST_CASE("run_on runs there and resumes here", "[async][threads]") {
  LoopThreads threads(3);
  CHECK(threads.size() == 3);
  Loop().block_on(runs_elsewhere(threads));
}

TEST_CASE("run_on within run_on", "[async][threads]") {
  LoopThreads threads(2);
  Loop().block_on(run_on(threads[0], to_and_fro(threads, 0, 500)));
}

TEST_CASE("loops start and end", "[async][threads]") {
  for (int i = 0; i < 20; ++i) LoopThreads threads(2);
}
