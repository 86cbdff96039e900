#include "common/store/shard_files.h"

#include <fmt/format.h>

#include <filesystem>

#include "common/journal/journal.h"
#include "common/store/schema.h"
#include "common/store/sqlite_database.h"

namespace quartet::store {

std::string shard_file(const std::string& directory, std::size_t number) {
  return fmt::format("{}/index/{:02x}.db", directory, number);
}

Result<std::unique_ptr<Database>> open_shard(const std::string& directory, std::size_t number, bool read_only) {
  const auto path = shard_file(directory, number);
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return std::unexpected(StoreError{ErrorCode::kCorrupt, path + " is missing"});
  auto database = SqliteDatabase::open(path, {.read_only = read_only, .cache_kib = 4'096, .busy_ms = 60'000});
  if (!database) return std::unexpected(database.error());
  // What is damaged is found by who reads it; what a later version has made is not ours to judge or to change.
  if (const auto known = known_schema(**database); !known && known.error().code == ErrorCode::kUnsupported)
    return std::unexpected(StoreError{known.error().code, path + ": " + known.error().detail});
  return database;
}

std::optional<StoreError> missing_shard(const std::string& file, const std::string& bytes_directory) {
  std::error_code error;
  if (std::filesystem::exists(file, error)) return std::nullopt;
  const auto segments = journal::list_segments(bytes_directory);
  if (!segments || segments->empty()) return std::nullopt;
  return StoreError{ErrorCode::kCorrupt, file + " is missing: see quartetctl store restore and repair"};
}

std::map<journal::SegmentId, SegmentUse> count_segments(Database& database) {
  std::map<journal::SegmentId, SegmentUse> segments;
  auto query = database.prepare("SELECT segment,offset,length,file FROM object");
  while (query.step()) {
    const journal::Location location{query.number(0), query.number32(1), query.number32(2), query.number(3)};
    SegmentUse& use = segments[location.segment];
    ++use.objects;
    use.bytes += location.footprint();
  }
  return segments;
}

}  // namespace quartet::store
