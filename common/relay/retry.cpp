#include "common/relay/retry.h"

#include <algorithm>

#include "common/base/check.h"

namespace quartet::relay {

WallTime expiry(const RetrySchedule& schedule, WallTime accepted, bool null_sender) {
  return accepted + (null_sender ? schedule.bounce_lifetime : schedule.lifetime);
}

WallTime next_attempt(const RetrySchedule& schedule, WallTime accepted, bool null_sender, unsigned attempts,
                      WallTime now, std::uint64_t random) {
  QUARTET_CHECK(attempts > 0 && !schedule.delays.empty());
  const std::chrono::duration<double> base =
      schedule.delays[std::min<std::size_t>(attempts, schedule.delays.size()) - 1];
  const double unit = static_cast<double>(random >> 11) / static_cast<double>(std::uint64_t{1} << 53);  // [0, 1)
  const auto wait =
      std::chrono::duration_cast<std::chrono::microseconds>(base * (1 + schedule.jitter * (2 * unit - 1)));
  const auto soonest = now + std::chrono::seconds(1);
  return std::max(soonest, std::min(now + wait, expiry(schedule, accepted, null_sender)));
}

}  // namespace quartet::relay
