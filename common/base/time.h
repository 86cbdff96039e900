// Two clocks and no other: monotonic time for waiting, wall time for what is stored or shown.
#pragma once
#include <chrono>
#include <string>

namespace quartet {

using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

inline WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

/// Microseconds since 1970-01-01T00:00:00Z, the form on disk and in the control plane.
inline std::int64_t to_micros(WallTime time) { return time.time_since_epoch().count(); }
inline WallTime from_micros(std::int64_t micros) { return WallTime(std::chrono::microseconds(micros)); }

/// RFC 3339 in UTC with milliseconds, e.g. 2026-11-24T13:05:09.125Z.
std::string to_rfc3339(WallTime time);

/// RFC 5322 section 3.3 date-time in UTC, e.g. Tue, 24 Nov 2026 13:05:09 +0000.
std::string to_rfc5322(WallTime time);

}  // namespace quartet
