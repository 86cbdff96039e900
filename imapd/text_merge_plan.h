// Which segments of the index of texts are put together: so that there are few of them, and each message is written
// again only when what it is in grows several times.
#pragma once
#include <cstddef>
#include <vector>

#include "common/store/text_shelf.h"

namespace quartet::imapd {

struct MergeLimits {
  std::size_t fan = 8;                          // so many of about the same size become one
  std::uint64_t smallest = 64;                  // messages; segments of less count as of one size
  std::uint64_t most_bytes = 24 * 1024 * 1024;  // of what is put together
};
/// Empty: they are few enough.
std::vector<store::TextSegment> segments_to_merge(const std::vector<store::TextSegment>& segments,
                                                  const MergeLimits& limits);

}  // namespace quartet::imapd
