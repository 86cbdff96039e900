// The log as it is written, for an operator who looks on. Any thread.
#pragma once
#include <memory>
#include <string_view>

#include "common/log/log.h"

namespace quartet::log {

class Tap {
 public:
  virtual ~Tap() = default;
  /// From the thread that writes the event; neither blocks nor writes to the log. `line` is JSON without a line end.
  virtual void take(Level level, std::string_view event, std::string_view line) = 0;
};

/// Gets what is at least of that level, also what the configured level keeps out of the log, until the pointer that is
/// returned is gone.
std::shared_ptr<void> attach(std::shared_ptr<Tap> tap, Level level);

}  // namespace quartet::log
