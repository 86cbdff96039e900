// A task on another loop.
#pragma once
#include "common/async/wait.h"

namespace quartet::async {
namespace detail {

struct Detached {
  struct promise_type : PromiseBase {
    Detached get_return_object() const { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
  };
};

template <typename T>
Detached run_and_complete(Task<T> task, Completion<std::conditional_t<std::is_void_v<T>, bool, T>> completion) {
  if constexpr (std::is_void_v<T>) {
    co_await std::move(task);
    task = {};
    completion(true);
  } else {
    auto value = co_await std::move(task);
    task = {};
    completion(std::move(value));
  }
}

}  // namespace detail

/// Runs `task` on another loop and resumes here when it has ended, with its value. The task must not throw, and is not
/// stopped by the caller's group: hand it what it needs to know when to end.
template <typename T>
Task<T> run_on(Loop& loop, Task<T> task) {
  using Value = std::conditional_t<std::is_void_v<T>, bool, T>;
  auto value = co_await from_callback<Value>([&loop, &task](Completion<Value> completion) {
    loop.post([task = std::move(task), completion = std::move(completion)]() mutable {
      detail::run_and_complete<T>(std::move(task), std::move(completion));
    });
  });
  if constexpr (!std::is_void_v<T>) co_return value;
}

}  // namespace quartet::async
