// Threads for what blocks: file synchronisation, databases, password hashing, name service look-ups.
#pragma once
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "common/async/wait.h"

namespace quartet::async {

class ThreadPool {
 public:
  /// `name` (at most 15 bytes are shown) names the threads for ps and gdb.
  ThreadPool(std::string name, std::size_t threads);
  ~ThreadPool();  // finishes what is queued

  /// From any thread.
  void submit(std::move_only_function<void()> job);

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::move_only_function<void()>> jobs_;
  bool closing_ = false;
  std::vector<std::jthread> threads_;
};

/// Runs `function` in the pool and resumes here with its value: `auto x = co_await offload(pool, f);`. Must not throw.
/// Not cancellable: the work is finished before the coroutine goes on.
template <typename F>
auto offload(ThreadPool& pool, F function) {
  using Result = std::invoke_result_t<F>;
  using Value = std::conditional_t<std::is_void_v<Result>, bool, Result>;
  return from_callback<Value>([&pool, function = std::move(function)](Completion<Value> completion) mutable {
    pool.submit([function = std::move(function), completion = std::move(completion)]() mutable {
      if constexpr (std::is_void_v<Result>) {
        function();
        completion(true);
      } else {
        completion(function());
      }
    });
  });
}

}  // namespace quartet::async
