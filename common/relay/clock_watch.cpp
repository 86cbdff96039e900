#include "common/relay/clock_watch.h"

#include <algorithm>
#include <utility>

namespace quartet::relay {
namespace {

constexpr std::chrono::minutes kLeast{1};
constexpr std::chrono::hours kDoubted{1};

}  // namespace

ClockWatch::Duration ClockWatch::look(WallTime wall, SteadyTime steady) {
  const auto offset = wall.time_since_epoch() - std::chrono::duration_cast<Duration>(steady.time_since_epoch());
  // Small steps add up to nothing: each becomes the new measure.
  const auto moved = offset - std::exchange(offset_, offset).value_or(offset);
  if (moved > -kLeast && moved < kLeast) return Duration(0);
  // What was set ahead and then back was not far ahead in the end.
  doubted_ = std::max(Duration(0), doubt(steady) + moved);
  if (moved > Duration(0)) doubted_until_ = steady + kDoubted;
  return moved;
}

}  // namespace quartet::relay
