// TaskGroup: the only way to run a task beside oneself. It owns its tasks, stops them, and outlives them all.
#pragma once
#include <cstddef>
#include <functional>
#include <string>

#include "common/async/wait.h"

namespace quartet::async {

/// Loop thread only. Before its destruction the owner awaits close() or join().
class TaskGroup {
 public:
  TaskGroup() = default;
  ~TaskGroup();  // CHECKs that it is empty
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `task` at once, up to its first wait. False, and the task is dropped unstarted, after close() or
  /// request_stop(). What a task throws ends that task alone and goes to the handler below.
  bool spawn(Task<void> task);

  std::size_t size() const { return running_; }
  bool stop_requested() const { return stop_.stop_requested(); }

  /// Refuses new tasks and ends all waits of the present ones with kCancelled.
  void request_stop() { stop_.request_stop(); }

  /// Waits until no task is left, without stopping any; false if some were still running when the deadline passed.
  Task<bool> join(Deadline deadline = Deadline::never());

  /// request_stop() and join(); false if tasks were still running when the deadline passed.
  Task<bool> close(Deadline deadline = Deadline::never());

  /// Where the text of exceptions that end a task goes; by default standard error.
  static void set_exception_handler(std::function<void(const std::string&)> handler);

 private:
  struct Root;
  static Root run(TaskGroup& group, Task<void> task);

  StopState stop_;
  Event empty_;
  std::size_t running_ = 0;
};

}  // namespace quartet::async
