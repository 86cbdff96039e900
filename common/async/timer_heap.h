// The timers of one loop: an intrusive binary heap, so that arming and disarming a deadline allocates nothing.
#pragma once
#include <cstddef>
#include <vector>

#include "common/base/time.h"

namespace quartet::async {

class TimerHeap;

/// Part of whatever waits; on_timer() is called once, on the loop's thread, when its time has come.
class TimerNode {
 public:
  TimerNode() = default;
  TimerNode(const TimerNode&) = delete;
  TimerNode& operator=(const TimerNode&) = delete;

 protected:
  virtual ~TimerNode() = default;
  virtual void on_timer() = 0;

 private:
  friend class TimerHeap;
  static constexpr std::size_t kIdle = static_cast<std::size_t>(-1);
  SteadyTime time_{};
  std::size_t index_ = kIdle;
};

class TimerHeap {
 public:
  void arm(TimerNode& node, SteadyTime time);
  void disarm(TimerNode& node);

  /// Calls on_timer() of every node whose time is not after `now`.
  void fire(SteadyTime now);

  bool empty() const { return heap_.empty(); }
  SteadyTime next() const { return heap_.front()->time_; }

 private:
  void place(std::size_t index, TimerNode* node);
  void sift_up(std::size_t index);
  void sift_down(std::size_t index);

  std::vector<TimerNode*> heap_;
};

}  // namespace quartet::async
