// A level of the log for a time, as an operator wants it who looks for something.
#pragma once
#include "common/base/time.h"
#include "common/log/log.h"

namespace quartet::log {

/// Until then, or until the next configure() if that is earlier; then it is the configured one again. Any thread.
void set_level(Level level, WallTime until);

}  // namespace quartet::log
