// Counts what lives in each segment, for users that know which records they still need.
#pragma once
#include <cstdint>
#include <map>
#include <vector>

#include "common/journal/types.h"

namespace quartet::journal {

/// Not thread-safe. A segment is known from the first add() or know() until forget().
class Liveness {
 public:
  void know(SegmentId segment) { (void)live_[segment]; }
  void add(SegmentId segment, std::uint64_t bytes) { live_[segment] += bytes; }
  void release(SegmentId segment, std::uint64_t bytes);
  void add(const Location& location) { add(location.segment, location.footprint()); }
  void release(const Location& location) { release(location.segment, location.footprint()); }
  void forget(SegmentId segment) { live_.erase(segment); }

  std::uint64_t live_bytes(SegmentId segment) const;
  std::uint64_t total_live_bytes() const;

  /// Known segments older than `limit` (of limit's writer) with nothing alive.
  std::vector<SegmentId> dead(SegmentId limit) const;
  /// Those with something alive but less than `bytes`, emptiest first.
  std::vector<SegmentId> sparse(SegmentId limit, std::uint64_t bytes) const;

 private:
  std::map<SegmentId, std::uint64_t> live_;
};

}  // namespace quartet::journal
