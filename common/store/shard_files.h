// The databases of a store as files, for those who look at a whole store without opening it as one.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/journal/types.h"
#include "common/store/database.h"

namespace quartet::store {

/// "DIRECTORY/index/03.db"
std::string shard_file(const std::string& directory, std::size_t number);
/// A shard that exists. kCorrupt if it is missing.
Result<std::unique_ptr<Database>> open_shard(const std::string& directory, std::size_t number, bool read_only);

/// kCorrupt if a shard is missing where there are messages: a new one in its place would let garbage collection take
/// all its bodies.
std::optional<StoreError> missing_shard(const std::string& file, const std::string& bytes_directory);

/// What the table `segment` should hold: bodies and their octets by segment.
struct SegmentUse {
  std::int64_t objects = 0;
  std::int64_t bytes = 0;
  friend bool operator==(const SegmentUse&, const SegmentUse&) = default;
};
std::map<journal::SegmentId, SegmentUse> count_segments(Database& database);

}  // namespace quartet::store
