// Whether the wall clock goes as time does. Messages wait and expire by it, and it may be set: by an operator, or by a
// time server that was wrong for a while.
#pragma once
#include <chrono>
#include <optional>

#include "common/base/time.h"

namespace quartet::relay {

/// Knows no clock itself: it is told both.
class ClockWatch {
 public:
  using Duration = std::chrono::microseconds;

  /// To be called now and then, at least every few minutes: how far the clock has been set since the last call, below 0
  /// if it was set back. What is less than a minute counts as no change.
  Duration look(WallTime wall, SteadyTime steady);

  /// How far it has been set ahead in the last hour, which may yet turn out to be a mistake; 0: it has not.
  Duration doubt(SteadyTime steady) const { return steady < doubted_until_ ? doubted_ : Duration(0); }

 private:
  std::optional<Duration> offset_;  // of the wall clock from the steady one
  Duration doubted_{0};
  SteadyTime doubted_until_{};
};

}  // namespace quartet::relay
