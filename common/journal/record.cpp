#include "common/journal/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "common/base/crc32c.h"
#include "common/base/encoding.h"
#include "common/journal/files.h"

namespace quartet::journal {
namespace {

constexpr std::string_view kMagic = "QJSEG001";
constexpr std::uint8_t kFirst = 1, kLast = 2, kInFile = 4, kAllFlags = 7;

/// Writes integers one behind the other into an array.
template <std::size_t N>
class Packer {
 public:
  template <typename T>
  Packer& put(T value) {
    std::memcpy(bytes_.data() + at_, &value, sizeof value);
    at_ += sizeof value;
    return *this;
  }
  Packer& put(std::string_view text) {
    std::memcpy(bytes_.data() + at_, text.data(), text.size());
    at_ += text.size();
    return *this;
  }
  /// The checksum of all that follows the first four bytes, in those four.
  std::array<char, N> sealed() {
    const auto crc = crc32c(std::string_view(bytes_.data() + 4, N - 4));
    std::memcpy(bytes_.data(), &crc, sizeof crc);
    return bytes_;
  }

 private:
  std::array<char, N> bytes_{};
  std::size_t at_ = 4;
};

template <typename T>
T take(std::string_view& in) {
  return take_le<T>(in).value_or(T{});
}

}  // namespace

std::uint32_t Location::footprint() const {
  return static_cast<std::uint32_t>(align_record(kRecordHeaderSize + (file != 0 ? kPayloadReferenceSize : length)));
}

std::array<char, kSegmentHeaderSize> encode(const SegmentHeader& header) {
  return Packer<kSegmentHeaderSize>()
      .put(std::uint32_t{0})
      .put(kMagic)
      .put(header.segment)
      .put(header.previous)
      .put(header.first_lsn)
      .put(header.previous_end)
      .put(header.size)
      .sealed();
}

std::optional<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderSize) return std::nullopt;
  bytes = bytes.substr(0, kSegmentHeaderSize);
  const auto crc = take<std::uint32_t>(bytes);
  if (crc != crc32c(bytes)) return std::nullopt;
  bytes.remove_prefix(4);
  if (!bytes.starts_with(kMagic)) return std::nullopt;
  bytes.remove_prefix(kMagic.size());
  SegmentHeader header;
  header.segment = take<std::uint64_t>(bytes);
  header.previous = take<std::uint64_t>(bytes);
  header.first_lsn = take<std::uint64_t>(bytes);
  header.previous_end = take<std::uint32_t>(bytes);
  header.size = take<std::uint32_t>(bytes);
  return header;
}

std::array<char, kRecordHeaderSize> encode(const RecordHeader& header) {
  const auto flags = static_cast<std::uint8_t>((header.first ? kFirst : 0) | (header.last ? kLast : 0) |
                                               (header.in_file ? kInFile : 0));
  return Packer<kRecordHeaderSize>()
      .put(header.payload_crc)
      .put(header.length)
      .put(header.synced)
      .put(header.segment)
      .put(header.lsn)
      .put(header.offset)
      .put(header.type)
      .put(flags)
      .sealed();
}

std::optional<RecordHeader> decode_record_header(std::string_view bytes) {
  if (bytes.size() < kRecordHeaderSize) return std::nullopt;
  bytes = bytes.substr(0, kRecordHeaderSize);
  const auto crc = take<std::uint32_t>(bytes);
  if (crc != crc32c(bytes)) return std::nullopt;
  RecordHeader header;
  header.payload_crc = take<std::uint32_t>(bytes);
  header.length = take<std::uint32_t>(bytes);
  header.synced = take<std::uint32_t>(bytes);
  header.segment = take<std::uint64_t>(bytes);
  header.lsn = take<std::uint64_t>(bytes);
  header.offset = take<std::uint32_t>(bytes);
  header.type = take<std::uint8_t>(bytes);
  const auto flags = take<std::uint8_t>(bytes);
  if ((flags & ~kAllFlags) != 0) return std::nullopt;
  header.first = (flags & kFirst) != 0;
  header.last = (flags & kLast) != 0;
  header.in_file = (flags & kInFile) != 0;
  return header;
}

std::string encode(const PayloadReference& reference) {
  std::string out;
  put_le(out, reference.file);
  put_le(out, reference.length);
  put_le(out, reference.crc);
  return out;
}

std::optional<PayloadReference> decode_payload_reference(std::string_view bytes) {
  if (bytes.size() != kPayloadReferenceSize) return std::nullopt;
  PayloadReference reference;
  reference.file = take<std::uint64_t>(bytes);
  reference.length = take<std::uint32_t>(bytes);
  reference.crc = take<std::uint32_t>(bytes);
  if (reference.file == 0) return std::nullopt;
  return reference;
}

std::expected<std::string_view, Error> payload_at(const Location& location, std::string_view header,
                                                  std::string_view behind) {
  const auto damaged = [&location](const char* what) {
    return std::unexpected(Error{ErrorCode::kDamaged, fmt::format("record at {} of {} {}", location.offset,
                                                                  segment_name(location.segment), what)});
  };
  const auto read = decode_record_header(header);
  if (!read || read->segment != location.segment || read->offset != location.offset) return damaged("is not there");
  const auto payload = behind.substr(0, read->length);
  if (read->in_file != (location.file != 0) || payload.size() < read->length || crc32c(payload) != read->payload_crc)
    return damaged("has a wrong checksum");
  if (!read->in_file && read->length != location.length) return damaged("has another length");
  return payload;
}

std::expected<PayloadReference, Error> reference_at(const Location& location, std::string_view header,
                                                    std::string_view behind) {
  const auto payload = payload_at(location, header, behind);
  if (!payload) return std::unexpected(payload.error());
  const auto reference = decode_payload_reference(*payload);
  if (!reference || reference->file != location.file || reference->length != location.length)
    return std::unexpected(Error{ErrorCode::kDamaged, fmt::format("record at {} of {} names another file",
                                                                  location.offset, segment_name(location.segment))});
  return *reference;
}

UnitScanner::UnitScanner(std::string_view image, SegmentId segment, std::uint32_t base,
                         std::optional<std::uint32_t> end)
    : image_(image), segment_(segment), base_(base), known_end_(end), position_(base) {
  if (end) image_ = image_.substr(0, *end > base ? *end - base : 0);
}

std::optional<RecordView> UnitScanner::record_at(std::uint64_t offset, std::uint32_t* synced) const {
  if (offset < base_ || offset - base_ >= image_.size()) return std::nullopt;
  const auto rest = image_.substr(offset - base_);
  const auto header = decode_record_header(rest);
  if (!header || header->segment != segment_ || header->offset != offset) return std::nullopt;
  if (rest.size() - kRecordHeaderSize < header->length) return std::nullopt;
  const auto payload = rest.substr(kRecordHeaderSize, header->length);
  if (crc32c(payload) != header->payload_crc) return std::nullopt;
  RecordView record{
      {segment_, header->offset, header->length, 0}, header->lsn, header->type, header->first, header->last, payload};
  if (header->in_file) {
    const auto reference = decode_payload_reference(payload);
    if (!reference) return std::nullopt;
    record.location.length = reference->length;
    record.location.file = reference->file;
    record.payload = {};
    record.file_crc = reference->crc;
  }
  if (synced != nullptr) *synced = header->synced;
  return record;
}

/// Reads a whole unit from `offset` into unit_; false, with `offset` at the place that is wrong, if there is none.
bool UnitScanner::read_unit(std::uint64_t& offset) {
  unit_.clear();
  for (;;) {
    const auto record = record_at(offset);
    if (!record || record->first != unit_.empty()) return false;
    unit_.push_back(*record);
    offset += record->location.footprint();
    if (record->last) return true;
  }
}

UnitScanner::Step UnitScanner::next() {
  if (known_end_ && position_ >= *known_end_) return Step::kEnd;
  std::uint64_t offset = position_;
  if (!read_unit(offset)) return skip_to_good(offset);
  position_ = static_cast<std::uint32_t>(offset);
  next_lsn_ = unit_.back().lsn + 1;
  return Step::kUnit;
}

/// `bad` is where reading the unit at position_ failed. Looks for a later record that proves the bad place was durable.
UnitScanner::Step UnitScanner::skip_to_good(std::uint64_t bad) {
  unit_.clear();
  const std::uint64_t limit = base_ + image_.size();
  std::optional<std::uint64_t> resume;
  bool was_durable = known_end_.has_value();
  std::uint64_t last_good = position_;
  for (std::uint64_t at = align_record(bad + 1); at + kRecordHeaderSize <= limit;) {
    // A record's segment id lies at a fixed place: most places are ruled out by comparing eight bytes.
    std::uint64_t id;
    std::memcpy(&id, image_.data() + (at - base_) + 16, sizeof id);
    std::uint32_t synced = 0;
    const auto record = id == segment_ ? record_at(at, &synced) : std::nullopt;
    if (!record) {
      at += 8;
      continue;
    }
    if (record->first && !resume) resume = at;
    if (synced > position_) was_durable = true;
    last_good = at + record->location.footprint();
    if (resume && was_durable) break;
    at = last_good;
  }
  if (!was_durable) return end_at(std::max(bad, last_good));
  const auto until = resume ? *resume : known_end_ ? std::uint64_t{*known_end_} : std::max(bad, last_good);
  damage_ = {segment_, position_, static_cast<std::uint32_t>(until - position_), "records cannot be read"};
  position_ = static_cast<std::uint32_t>(until);
  return Step::kDamage;
}

UnitScanner::Step UnitScanner::end_at(std::uint64_t limit_of_torn) {
  torn_ = limit_of_torn - position_;
  known_end_ = position_;
  return Step::kEnd;
}

}  // namespace quartet::journal
