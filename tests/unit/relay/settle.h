// For tests of what an operator suspends or pauses.
#pragma once
#include "helpers.h"

namespace quartet::relay::test {

/// Waits until the relay has taken note of a suspension or a pause, or of its end.
inline void settle(Running& running) {
  std::promise<void> settled;
  running.relay().settle([&settled] { settled.set_value(); });
  settled.get_future().wait();
}

}  // namespace quartet::relay::test
