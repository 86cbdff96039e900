// Segments as files: which there are, where each ends, reading one through, the files to write next.
#pragma once
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "common/base/time.h"
#include "common/journal/files.h"
#include "common/journal/record.h"

namespace quartet::journal {

struct SegmentFile {
  SegmentId id = 0;
  std::optional<SegmentHeader> header;  // nullopt: it cannot be read; an unfinished creation, or damage
};

/// One writer's segments, oldest first.
std::expected<std::vector<SegmentFile>, Error> segments_of(const std::filesystem::path& directory, WriterId writer);

/// Where segment `index` ends according to its successor's header; nullopt if none tells.
std::optional<std::uint32_t> known_end(const std::vector<SegmentFile>& segments, std::size_t index);

/// Segments from `from` on that others name as the one before them, and that are not there.
std::vector<Damage> missing_segments(const std::vector<SegmentFile>& segments, SegmentId from);

struct ScanEnd {
  std::uint32_t offset = 0;    // after the last unit
  std::uint64_t next_lsn = 0;  // 0: no record was read
};

/// Gives every record from `from` on to the handler (may be empty) and adds what was found to the report.
std::expected<ScanEnd, Error> scan_segment(const std::filesystem::path& directory, const SegmentFile& segment,
                                           std::uint32_t from, std::optional<std::uint32_t> end,
                                           const ReplayHandler& handler, ReplayReport& report);

/// Keeps a second name of a damaged segment in quarantine/.
void quarantine(const std::filesystem::path& directory, SegmentId segment);
bool in_quarantine(const std::filesystem::path& directory, SegmentId segment);

/// The free list of one writer: files to become segments. Thread-safe.
class SegmentPool {
 public:
  SegmentPool(const Files& files, WriterId writer, std::uint32_t segment_size, std::size_t keep);

  std::size_t available() const;

  /// Creates free files until there are `wanted`.
  Status prepare(std::size_t wanted);

  struct Taken {
    Fd fd;
    bool created = false;  // it is a new file
    bool reserve = false;  // it was the last one
  };
  /// A free file under the segment's name, of full size. The last one is the reserve: it is given out only if
  /// `use_reserve`. Where the list has none to give, files are created: the one that is given, and the reserve.
  std::expected<Taken, Error> take(SegmentId segment, bool use_reserve);

  /// Takes a segment's file back; it is deleted if there are enough, or if its contents are kept in quarantine.
  void give(SegmentId segment);

 private:
  std::vector<std::string> free_files() const;
  std::expected<std::string, Error> create_one();

  const Files& files_;
  WriterId writer_;
  std::uint32_t segment_size_;
  std::size_t keep_;
  mutable std::mutex mutex_;
  std::optional<Error> full_;  // creating failed for lack of room
  SteadyTime full_since_{};
};

/// WWWW.end: how far a live writer is durable.
std::string encode_end(Position end);
std::optional<Position> read_end(const std::filesystem::path& directory, WriterId writer);

}  // namespace quartet::journal
