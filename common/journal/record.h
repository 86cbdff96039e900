// The form of segments and records on disk. Sans-IO: images in, records out; the fuzzer drives the same code.
//
// A segment is a header and then units; a unit is one or more records, each at a multiple of 8. Every record names its
// segment, so what an overwritten file held before can never be taken for new. It also tells how much of the segment
// was durable when it was written: that is how a torn tail (written in the last moment, never acknowledged) is told
// from damage (something acknowledged that can no longer be read).
#pragma once
#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/journal/types.h"

namespace quartet::journal {

inline constexpr std::size_t kSegmentHeaderSize = 64;
inline constexpr std::size_t kRecordHeaderSize = 40;
inline constexpr std::size_t kPayloadReferenceSize = 16;

constexpr std::uint64_t align_record(std::uint64_t size) { return (size + 7) & ~std::uint64_t{7}; }

struct SegmentHeader {
  SegmentId segment = 0;
  SegmentId previous = 0;          // the one this writer filled before; 0: this is its first
  std::uint32_t previous_end = 0;  // what is behind that offset of `previous` does not count
  std::uint32_t size = 0;
  std::uint64_t first_lsn = 0;
};

std::array<char, kSegmentHeaderSize> encode(const SegmentHeader& header);
/// nullopt if this is not a whole and correct header.
std::optional<SegmentHeader> decode_segment_header(std::string_view bytes);

struct RecordHeader {
  std::uint32_t length = 0;  // of the payload as it is in the segment
  std::uint32_t payload_crc = 0;
  SegmentId segment = 0;
  std::uint64_t lsn = 0;
  std::uint32_t offset = 0;  // of this header in the segment
  std::uint32_t synced = 0;  // everything before this offset was durable when the record was written
  std::uint8_t type = 0;
  bool first = false;  // of its unit
  bool last = false;
  bool in_file = false;  // the payload is a PayloadReference
};

std::array<char, kRecordHeaderSize> encode(const RecordHeader& header);
std::optional<RecordHeader> decode_record_header(std::string_view bytes);

/// What a record holds instead of a payload that is in a file of its own.
struct PayloadReference {
  std::uint64_t file = 0;
  std::uint32_t length = 0;
  std::uint32_t crc = 0;
};

std::string encode(const PayloadReference& reference);
std::optional<PayloadReference> decode_payload_reference(std::string_view bytes);

/// Of the record of which the header and what is behind it (or more) were read at `location`: the payload as it is in
/// the segment. kDamaged: it is another record, or not whole.
std::expected<std::string_view, Error> payload_at(const Location& location, std::string_view header,
                                                  std::string_view behind);
/// The same where the payload is in a file: what is said of that.
std::expected<PayloadReference, Error> reference_at(const Location& location, std::string_view header,
                                                    std::string_view behind);

/// Walks the units of one segment's image.
class UnitScanner {
 public:
  /// `image` is the segment from offset `base` on, a record boundary. `end` is where the segment ends if that is known;
  /// without it the end is where records cease to be correct. Views into `image` are given out.
  UnitScanner(std::string_view image, SegmentId segment, std::uint32_t base, std::optional<std::uint32_t> end);

  enum class Step {
    kUnit,    // unit() holds the next one
    kDamage,  // damage() tells what is missing; go on with next()
    kEnd,     // end() is the place after the last unit, torn() what is cut off behind it
  };
  Step next();

  const std::vector<RecordView>& unit() const { return unit_; }
  const Damage& damage() const { return damage_; }
  std::uint32_t end() const { return position_; }
  std::uint64_t torn() const { return torn_; }
  std::uint64_t next_lsn() const { return next_lsn_; }

 private:
  std::optional<RecordView> record_at(std::uint64_t offset, std::uint32_t* synced = nullptr) const;
  bool read_unit(std::uint64_t& offset);
  Step skip_to_good(std::uint64_t bad);
  Step end_at(std::uint64_t limit_of_torn);

  std::string_view image_;
  SegmentId segment_;
  std::uint32_t base_;
  std::optional<std::uint32_t> known_end_;
  std::uint32_t position_;  // in the segment: after the last unit or damage
  std::uint64_t torn_ = 0;
  std::uint64_t next_lsn_ = 0;
  std::vector<RecordView> unit_;
  Damage damage_;
};

}  // namespace quartet::journal
