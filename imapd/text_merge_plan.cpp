#include "imapd/text_merge_plan.h"

#include <algorithm>
#include <map>

namespace quartet::imapd {
namespace {

int level_of(const store::TextSegment& segment, const MergeLimits& limits) {
  int level = 0;
  for (auto size = segment.messages / limits.smallest; size >= limits.fan; size /= limits.fan) ++level;
  return level;
}

}  // namespace

std::vector<store::TextSegment> segments_to_merge(const std::vector<store::TextSegment>& segments,
                                                  const MergeLimits& limits) {
  std::map<int, std::vector<store::TextSegment>> levels;
  for (const auto& segment : segments) levels[level_of(segment, limits)].push_back(segment);
  for (auto& [level, members] : levels) {
    if (members.size() < limits.fan) continue;
    std::ranges::sort(members, {}, &store::TextSegment::bytes);
    std::vector<store::TextSegment> chosen;
    std::uint64_t bytes = 0;
    for (const auto& segment : members) {
      if (chosen.size() == limits.fan || bytes + segment.bytes > limits.most_bytes) break;
      bytes += segment.bytes;
      chosen.push_back(segment);
    }
    // Two large ones alone would be written again and again.
    if (chosen.size() >= std::max<std::size_t>(limits.fan / 2, 2)) return chosen;
  }
  return {};
}

}  // namespace quartet::imapd
