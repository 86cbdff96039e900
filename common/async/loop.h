// One thread, one Loop: libuv's loop with timers, posts from other threads and a queue of coroutines to resume.
#pragma once
#include <coroutine>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "common/async/task.h"
#include "common/async/timer_heap.h"
#include "common/base/scope.h"

struct uv_loop_s;

namespace quartet::async {

class Loop {
 public:
  /// The first loop of a process has SIGPIPE ignored: a lost peer is an error of the write.
  Loop();
  /// Closes what the loop itself opened. Handles of others still open are a broken invariant.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// The loop that runs on this thread; must be called from inside one.
  static Loop& current();
  static bool is_running_here();

  /// Runs the loop until `task` has ended and gives its value; what it throws comes out. Not from inside a loop.
  template <typename T>
  T block_on(Task<T> task);

  /// Runs `function` on this loop's thread, soon and in order. From any thread, while the loop exists. What is still
  /// queued when the loop ends is run by the destructor, and what that queues.
  void post(std::move_only_function<void()> function);

  /// Resumes `handle` on a later turn, not from within the caller's stack. Loop thread only.
  void schedule(std::coroutine_handle<> handle);

  void arm(TimerNode& node, SteadyTime time);
  void disarm(TimerNode& node) { timers_.disarm(node); }

  /// libuv's own loop, for async and net.
  uv_loop_s* native();

 private:
  struct Native;
  void run_until(const bool& done);
  bool run_posted();  // false if there was nothing
  void run_ready();
  void fire_timers();
  void update_timer();

  std::unique_ptr<Native> native_;
  TimerHeap timers_;
  SteadyTime armed_for_ = SteadyTime::max();
  std::deque<std::coroutine_handle<>> ready_;
  std::mutex mutex_;  // guards posted_
  std::vector<std::move_only_function<void()>> posted_;
};

namespace detail {

/// The root under block_on: a coroutine nobody awaits, which says when it is done.
struct Root {
  struct promise_type : PromiseBase {
    Root get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    void return_void() const noexcept {}
  };
  std::coroutine_handle<promise_type> handle;
};

template <typename T>
Root run_root(Task<T> task, std::optional<T>& value, bool& done) {
  const ScopeExit finished([&done] { done = true; });
  value.emplace(co_await std::move(task));
}

inline Root run_root(Task<void> task, bool& done) {
  const ScopeExit finished([&done] { done = true; });
  co_await std::move(task);
}

}  // namespace detail

template <typename T>
T Loop::block_on(Task<T> task) {
  bool done = false;
  if constexpr (std::is_void_v<T>) {
    const auto root = detail::run_root(std::move(task), done);
    const ScopeExit destroy([&root] { root.handle.destroy(); });
    schedule(root.handle);
    run_until(done);
    if (root.handle.promise().exception) std::rethrow_exception(root.handle.promise().exception);
  } else {
    std::optional<T> value;
    const auto root = detail::run_root(std::move(task), value, done);
    const ScopeExit destroy([&root] { root.handle.destroy(); });
    schedule(root.handle);
    run_until(done);
    if (root.handle.promise().exception) std::rethrow_exception(root.handle.promise().exception);
    return std::move(*value);
  }
}

}  // namespace quartet::async
