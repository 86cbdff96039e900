#include "common/journal/payload_files.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "common/base/crc32c.h"
#include "common/journal/files.h"
#include "common/journal/record.h"

namespace quartet::journal {
namespace {

constexpr std::size_t kPiece = 256 << 10;

class Opened final : public PayloadFile {
 public:
  Opened(Fd fd, std::filesystem::path path) : fd_(std::move(fd)), path_(std::move(path)) {}

  std::expected<std::string, Error> read(std::uint64_t offset, std::size_t size) const override {
    return read_at(fd_, path_, offset, size);
  }

  /// Whether the file is what the record says.
  std::expected<bool, Error> is(const PayloadReference& reference) const {
    std::uint64_t size = 0;
    std::uint32_t crc = 0;
    for (;;) {
      const auto piece = read(size, kPiece);
      if (!piece) return std::unexpected(piece.error());
      if (piece->empty()) return size == reference.length && crc == reference.crc;
      size += piece->size();
      crc = crc32c(*piece, crc);
    }
  }

 private:
  const Fd fd_;
  const std::filesystem::path path_;
};

}  // namespace

std::expected<std::unique_ptr<const PayloadFile>, Error> PayloadFiles::open(const Location& location) {
  const auto segment = directory_ / segment_name(location.segment);
  const auto segment_fd = open_for_reading(segment);
  if (!segment_fd) return std::unexpected(segment_fd.error());
  const auto record = read_at(*segment_fd, segment, location.offset, kRecordHeaderSize + kPayloadReferenceSize);
  if (!record) return std::unexpected(record.error());
  const auto bytes = std::string_view(*record);
  const auto header = bytes.substr(0, kRecordHeaderSize);
  const auto reference = reference_at(location, header, bytes.substr(header.size()));
  if (!reference) return std::unexpected(reference.error());
  auto path = directory_ / payload_name(location.file);
  auto fd = open_for_reading(path);
  if (!fd) return std::unexpected(fd.error());
  auto opened = std::make_unique<const Opened>(*std::move(fd), std::move(path));
  if (is_sound(location.file)) return opened;
  const auto sound = opened->is(*reference);
  if (!sound) return std::unexpected(sound.error());
  if (!*sound) return std::unexpected(Error{ErrorCode::kDamaged, payload_name(location.file) + ": wrong checksum"});
  note_sound(location.file);
  return opened;
}

bool PayloadFiles::is_sound(std::uint64_t file) {
  const std::lock_guard lock(mutex_);
  return std::ranges::find(sound_, file) != sound_.end();
}

void PayloadFiles::note_sound(std::uint64_t file) {
  const std::lock_guard lock(mutex_);
  sound_[next_++ % sound_.size()] = file;
}

}  // namespace quartet::journal
