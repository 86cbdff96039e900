// When a deferred recipient is tried again and when it is given up (RFC 5321 section 4.5.4.1). Pure functions of time:
// the same message and clock give the same answer, whatever happened in between.
#pragma once
#include <chrono>
#include <cstdint>
#include <vector>

#include "common/base/time.h"

namespace quartet::relay {

struct RetrySchedule {
  /// Wait after the first, second, ... failed attempt; the last one repeats. Each at least a second.
  std::vector<std::chrono::seconds> delays = {
      std::chrono::minutes(2),  std::chrono::minutes(5), std::chrono::minutes(10), std::chrono::minutes(20),
      std::chrono::minutes(30), std::chrono::hours(1),   std::chrono::hours(2),    std::chrono::hours(3)};
  double jitter = 0.1;                                         // each wait is stretched or cut by up to this part of it
  std::chrono::seconds lifetime = std::chrono::hours(24 * 5);  // from acceptance until the sender gets a bounce
  std::chrono::seconds bounce_lifetime = std::chrono::hours(24 * 2);  // the same for messages with the null sender
};

/// The time of the next attempt after `attempts` (1 or more) have failed, the last one at `now`. `random` (any 64 bits)
/// chooses the jitter. Never later than the moment of expiry, so that a message does not outlive its lifetime unseen.
WallTime next_attempt(const RetrySchedule& schedule, WallTime accepted, bool null_sender, unsigned attempts,
                      WallTime now, std::uint64_t random);

/// When the recipient is given up.
WallTime expiry(const RetrySchedule& schedule, WallTime accepted, bool null_sender);

}  // namespace quartet::relay
