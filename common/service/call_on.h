// From the main thread into a loop and back.
#pragma once
#include <future>
#include <type_traits>
#include <utility>

#include "common/async/loop.h"

namespace quartet::service {

/// Runs `function` on `loop`, waits for it and gives its value. Not from a loop.
template <typename F>
auto call_on(async::Loop& loop, F function) {
  std::packaged_task<std::invoke_result_t<F>()> task(std::move(function));
  auto result = task.get_future();
  // The loop owns the task: get() may return while the task is still on its way out.
  loop.post([task = std::move(task)]() mutable { task(); });
  return result.get();
}

}  // namespace quartet::service
