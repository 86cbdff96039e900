// A point in time by which a wait must end; every wait takes one.
#pragma once
#include <chrono>

#include "common/base/time.h"

namespace quartet::async {

class Deadline {
 public:
  /// Waits for ever; only where something else is sure to end the wait.
  static Deadline never() { return Deadline(SteadyTime::max()); }
  static Deadline at(SteadyTime time) { return Deadline(time); }
  static Deadline after(std::chrono::nanoseconds duration) {
    const auto now = std::chrono::steady_clock::now();
    return duration > SteadyTime::max() - now ? never() : Deadline(now + duration);
  }

  bool is_never() const { return time_ == SteadyTime::max(); }
  bool passed() const { return !is_never() && std::chrono::steady_clock::now() >= time_; }
  SteadyTime time() const { return time_; }
  friend Deadline earlier(Deadline a, Deadline b) { return a.time_ < b.time_ ? a : b; }

 private:
  explicit Deadline(SteadyTime time) : time_(time) {}
  SteadyTime time_;
};

}  // namespace quartet::async
