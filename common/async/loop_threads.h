// The loops of an agent, each on a thread of its own.
#pragma once
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "common/async/loop.h"

namespace quartet::async {

class LoopThreads {
 public:
  /// Starts `count` threads; returns when every loop runs.
  explicit LoopThreads(std::size_t count);
  /// Ends the loops and joins the threads; all tasks on them must have ended.
  ~LoopThreads();

  std::size_t size() const { return workers_.size(); }
  Loop& operator[](std::size_t index);

 private:
  struct Worker;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace quartet::async
