#include "common/journal/liveness.h"

#include <algorithm>

#include "common/base/check.h"

namespace quartet::journal {

void Liveness::release(SegmentId segment, std::uint64_t bytes) {
  const auto it = live_.find(segment);
  QUARTET_CHECK(it != live_.end() && it->second >= bytes);
  it->second -= bytes;
}

std::uint64_t Liveness::live_bytes(SegmentId segment) const {
  const auto it = live_.find(segment);
  return it == live_.end() ? 0 : it->second;
}

std::uint64_t Liveness::total_live_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [segment, bytes] : live_) sum += bytes;
  return sum;
}

std::vector<SegmentId> Liveness::dead(SegmentId limit) const {
  std::vector<SegmentId> found;
  for (const auto& [segment, bytes] : live_)
    if (bytes == 0 && writer_of(segment) == writer_of(limit) && segment < limit) found.push_back(segment);
  return found;
}

std::vector<SegmentId> Liveness::sparse(SegmentId limit, std::uint64_t bytes) const {
  std::vector<std::pair<std::uint64_t, SegmentId>> found;
  for (const auto& [segment, live] : live_)
    if (live != 0 && live < bytes && writer_of(segment) == writer_of(limit) && segment < limit)
      found.emplace_back(live, segment);
  std::ranges::sort(found);
  std::vector<SegmentId> ids;
  for (const auto& [live, segment] : found) ids.push_back(segment);
  return ids;
}

}  // namespace quartet::journal
