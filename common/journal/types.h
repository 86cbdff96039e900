// What the journal's parts share: names of segments and places in them, errors, the report of a replay.
#pragma once
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::journal {

/// A segment is one file of one writer. The id holds the writer (16 bits) and a sequence number (48 bits) that grows
/// with each segment of that writer and is never reused; 0 names none.
using SegmentId = std::uint64_t;
using WriterId = std::uint16_t;

constexpr SegmentId make_segment_id(WriterId writer, std::uint64_t sequence) {
  return static_cast<SegmentId>(writer) << 48 | sequence;
}
constexpr WriterId writer_of(SegmentId segment) { return static_cast<WriterId>(segment >> 48); }
constexpr std::uint64_t sequence_of(SegmentId segment) { return segment & 0xffff'ffff'ffff; }

/// A place between two units of one writer's records; ordered by time within one writer. {} is before everything.
struct Position {
  SegmentId segment = 0;
  std::uint32_t offset = 0;
  friend auto operator<=>(const Position&, const Position&) = default;
};

/// Where a payload is, for as long as its segment is not retired. Stored by users (24 bytes).
struct Location {
  SegmentId segment = 0;
  std::uint32_t offset = 0;  // of the record, header included
  std::uint32_t length = 0;  // of the payload
  std::uint64_t file = 0;    // not 0: the payload is in a file of its own, removed with remove_payload_file()

  /// Bytes the record takes in its segment: what counts as live or dead there.
  std::uint32_t footprint() const;
  explicit operator bool() const { return segment != 0; }
  friend bool operator==(const Location&, const Location&) = default;
};

enum class ErrorCode {
  kNoSpace,   // disk or quota full: try again when there is room
  kReadOnly,  // the file system refuses writes
  kIo,        // any other failure of a read, write or sync
  kLocked,    // another process has this writer or directory
  kTooLarge,  // the unit does not fit in a segment
  kDamaged,   // checksum wrong, or not what the location says
  kNotFound,  // the segment or file is not there (any more)
  kClosed,    // the writer was closed before the record was written
};

struct Error {
  ErrorCode code = ErrorCode::kIo;
  std::string detail;  // for the log: operation, file, reason
};

/// A stretch of a segment that should hold records and does not.
struct Damage {
  SegmentId segment = 0;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  std::string what;
};

/// What reading segments in order found.
struct ReplayReport {
  std::uint64_t segments = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;       // of records read
  std::uint64_t torn_bytes = 0;  // cut off the end: written but never acknowledged
  std::vector<Damage> damage;    // lost although acknowledged; the files are kept in quarantine/
  Position end;
};

/// One record as it is read. The payload is a view into the reader's memory, empty when location.file is set.
struct RecordView {
  Location location;
  std::uint64_t lsn = 0;
  std::uint8_t type = 0;
  bool first = false;  // of its unit
  bool last = false;
  std::string_view payload;
  std::uint32_t file_crc = 0;  // of the payload, where it is in a file of its own
};

}  // namespace quartet::journal
