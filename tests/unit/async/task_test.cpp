#include "common/async/task.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>

#include "common/async/loop.h"
#include "common/async/wait.h"

using namespace quartet::async;

namespace {

Task<int> one() { co_return 1; }

Task<long> sum_of_immediate(long count) {
  long sum = 0;
  for (long i = 0; i < count; ++i) {
    const int value = co_await one();
    sum += value;
  }
  co_return sum;
}

/// How far the stack has grown since `top`. The frame's address: locals may live elsewhere under a sanitizer.
[[gnu::noinline]] std::ptrdiff_t depth_below(const char* top) {
  return top - static_cast<const char*>(__builtin_frame_address(0));
}

Task<void> note_depth(const char* top, std::ptrdiff_t& deepest) {
  deepest = std::max(deepest, depth_below(top));
  co_return;
}

Task<void> many_depths(const char* top, std::ptrdiff_t& first, std::ptrdiff_t& deepest) {
  for (int i = 0; i < 1'000'000; ++i) {
    co_await note_depth(top, deepest);
    if (i == 0) first = deepest;
  }
}

Task<void> many_yields(const char* top, std::ptrdiff_t& first, std::ptrdiff_t& deepest) {
  for (int i = 0; i < 100'000; ++i) {
    co_await yield();
    co_await note_depth(top, deepest);
    if (i == 0) first = deepest;
  }
}

Task<std::unique_ptr<int>> made() { co_return std::make_unique<int>(7); }

Task<int> unwrap() {
  const auto pointer = co_await made();
  co_return *pointer;
}

Task<int> throws() {
  co_await yield();
  throw std::runtime_error("broken");
}

Task<std::string> catches() {
  try {
    const int value = co_await throws();
    co_return std::to_string(value);
  } catch (const std::runtime_error& error) {
    co_return error.what();
  }
}

Task<int> nested(int depth) {
  if (depth == 0) {
    co_await yield();
    co_return 0;
  }
  const int below = co_await nested(depth - 1);
  co_return below + 1;
}

Task<void> hold(std::shared_ptr<int> held) {
  co_await yield();
  (void)held;
}

}  // namespace

TEST_CASE("a million awaits that finish at once do not grow the stack", "[async]") {
  CHECK(Loop().block_on(sum_of_immediate(1'000'000)) == 1'000'000);
  const auto* const top = static_cast<const char*>(__builtin_frame_address(0));
  std::ptrdiff_t first = 0;
  std::ptrdiff_t deepest = 0;
  Loop().block_on(many_depths(top, first, deepest));
  CHECK(first != 0);
  CHECK(deepest == first);
}

TEST_CASE("nor do awaits that are resumed by the loop", "[async]") {
  const auto* const top = static_cast<const char*>(__builtin_frame_address(0));
  std::ptrdiff_t first = 0;
  std::ptrdiff_t deepest = 0;
  Loop().block_on(many_yields(top, first, deepest));
  CHECK(first != 0);
  CHECK(deepest == first);
}

TEST_CASE("values that can only be moved come out", "[async]") { CHECK(Loop().block_on(unwrap()) == 7); }

TEST_CASE("what a task throws comes out of its await, and of block_on", "[async]") {
  CHECK(Loop().block_on(catches()) == "broken");
  Loop loop;
  CHECK_THROWS_AS(loop.block_on(throws()), std::runtime_error);
  CHECK(loop.block_on(one()) == 1);  // the loop is still good
}

TEST_CASE("tasks await tasks, and all resume from one wait", "[async]") { CHECK(Loop().block_on(nested(500)) == 500); }

TEST_CASE("a task that was never awaited runs nothing and keeps nothing", "[async]") {
  const auto held = std::make_shared<int>(1);
  {
    const auto task = hold(held);
    CHECK(held.use_count() == 2);
  }
  CHECK(held.use_count() == 1);
  auto task = hold(held);
  task = {};
  CHECK(held.use_count() == 1);
  CHECK_FALSE(static_cast<bool>(task));
}

TEST_CASE("what was posted runs on the loop in order, the latest in its destructor", "[async]") {
  CHECK_FALSE(Loop::is_running_here());
  std::string order;
  bool right_loop = false;
  {
    Loop loop;
    loop.post([&] {
      right_loop = &Loop::current() == &loop;
      order += 'a';
    });
    loop.post([&] { order += 'b'; });
    CHECK(loop.block_on(nested(1)) == 1);
    loop.post([&] {
      order += 'c';
      loop.post([&] { order += 'd'; });
    });
  }
  CHECK(right_loop);
  CHECK(order == "abcd");
  CHECK_FALSE(Loop::is_running_here());
}
