#include "common/async/task_group.h"

#include <cstdio>
#include <exception>

#include "common/base/check.h"

namespace quartet::async {
namespace {

std::function<void(const std::string&)>& exception_handler() {
  static std::function<void(const std::string&)> handler = [](const std::string& what) {
    std::fprintf(stderr, "a task ended by an exception: %s\n", what.c_str());
  };
  return handler;
}

}  // namespace

/// A coroutine that starts at once and destroys itself at its end.
struct TaskGroup::Root {
  struct promise_type : PromiseBase {
    promise_type(TaskGroup& group, Task<void>&) { stop_state = &group.stop_; }
    Root get_return_object() const { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
  };
};

TaskGroup::~TaskGroup() { QUARTET_CHECK(running_ == 0); }

bool TaskGroup::spawn(Task<void> task) {
  if (stop_.stop_requested()) return false;
  ++running_;
  empty_.reset();
  run(*this, std::move(task));
  return true;
}

TaskGroup::Root TaskGroup::run(TaskGroup& group, Task<void> task) {
  try {
    co_await std::move(task);
  } catch (const std::exception& error) {
    exception_handler()(error.what());
  } catch (...) {
    exception_handler()("of a type that is no std::exception");
  }
  task = {};  // what the task owned goes before the group may
  if (--group.running_ == 0) group.empty_.set();
}

Task<bool> TaskGroup::join(Deadline deadline) {
  while (running_ > 0) {
    empty_.reset();
    const auto waited = co_await empty_.wait_uncancellable(deadline);
    if (waited == Wait::kTimedOut) co_return running_ == 0;
  }
  co_return true;
}

Task<bool> TaskGroup::close(Deadline deadline) {
  request_stop();
  co_return co_await join(deadline);
}

void TaskGroup::set_exception_handler(std::function<void(const std::string&)> handler) {
  exception_handler() = std::move(handler);
}

}  // namespace quartet::async
