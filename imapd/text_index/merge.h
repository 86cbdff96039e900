// Several segments made one.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imapd/text_index/segment.h"

namespace quartet::imapd {

/// A segment with all of its octets.
struct WholeSegment {
  const Segment* head = nullptr;
  std::string_view octets;
};
/// What is about objects that `keeps` does not want is left out. nullopt: a list is damaged. `version` as of all of
/// them.
std::optional<std::string> merge_segments(const std::vector<WholeSegment>& segments, std::uint32_t version,
                                          const std::function<bool(TextObject)>& keeps);

}  // namespace quartet::imapd
