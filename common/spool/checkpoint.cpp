#include "common/spool/checkpoint.h"

#include "common/base/crc32c.h"
#include "common/base/encoding.h"

namespace quartet::spool {
namespace {

constexpr std::string_view kMagic = "QSPCKP01";
constexpr std::size_t kChunk = 1u << 20;
constexpr std::size_t kChunkHeader = 8;  // length, checksum
constexpr std::size_t kLargestChunk = 1u << 30;
const std::string kTemporary = "checkpoint.tmp";

enum class ChunkType : std::uint8_t { kMarks = 1, kMessages = 2, kEnd = 3 };

/// Reads one chunk after the other; keeps only one in memory.
class ChunkReader {
 public:
  static std::expected<ChunkReader, journal::Error> open(const std::filesystem::path& path) {
    auto fd = journal::open_for_reading(path);
    if (!fd) return std::unexpected(fd.error());
    return ChunkReader(path, std::move(*fd));
  }

  /// The next chunk behind its type; an error if there is none or it is not whole.
  std::expected<std::pair<ChunkType, std::string_view>, journal::Error> next() {
    const auto header = journal::read_at(fd_, path_, offset_, kChunkHeader);
    if (!header) return std::unexpected(header.error());
    std::string_view in = *header;
    const auto length = take_le<std::uint32_t>(in), crc = take_le<std::uint32_t>(in);
    if (!length || !crc || *length == 0 || *length > kLargestChunk) return damaged();
    auto chunk = journal::read_at(fd_, path_, offset_ + kChunkHeader, *length);
    if (!chunk) return std::unexpected(chunk.error());
    if (chunk->size() != *length || crc32c(*chunk) != *crc) return damaged();
    chunk_ = std::move(*chunk);
    offset_ += kChunkHeader + *length;
    return std::pair(static_cast<ChunkType>(chunk_[0]), std::string_view(chunk_).substr(1));
  }

  std::unexpected<journal::Error> damaged() const {
    return std::unexpected(journal::Error{journal::ErrorCode::kDamaged, path_.string() + " is damaged"});
  }
  std::uint64_t offset() const { return offset_; }

 private:
  ChunkReader(std::filesystem::path path, journal::Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::filesystem::path path_;
  journal::Fd fd_;
  std::uint64_t offset_ = 0;
  std::string chunk_;
};

std::optional<Marks> parse_marks(std::string_view in) {
  if (!in.starts_with(kMagic)) return std::nullopt;
  in.remove_prefix(kMagic.size());
  Marks marks;
  while (!in.empty()) {
    const auto segment = take_le<std::uint64_t>(in);
    const auto offset = take_le<std::uint32_t>(in);
    const auto writer = take_le<std::uint16_t>(in);
    if (!segment || !offset || !writer) return std::nullopt;
    marks[*writer] = {*segment, *offset};
  }
  return marks;
}

/// Messages of one chunk into the index; false if something is wrong with them.
bool load_messages(std::string_view in, Index& index, journal::Liveness& live, std::uint64_t& messages) {
  while (!in.empty()) {
    const auto bytes = take_bytes(in);
    Place place;
    const auto segment = take_le<std::uint64_t>(in);
    const auto offset = take_le<std::uint32_t>(in);
    const auto length = take_le<std::uint32_t>(in);
    const auto file = take_le<std::uint64_t>(in);
    const auto unit = take_le<std::uint32_t>(in);
    if (!bytes || !segment || !offset || !length || !file || !unit) return false;
    place = {{*segment, *offset, *length, *file}, *unit};
    const auto message = decode_message(*bytes);
    if (!message || !index.insert(*message, place)) return false;
    live.add(*segment, *unit);
    ++messages;
  }
  return true;
}

}  // namespace

journal::Status CheckpointWriter::begin(const Marks& marks) {
  files_.remove(kTemporary);
  auto fd = files_.create(kTemporary);
  if (!fd) return std::unexpected(fd.error());
  fd_ = std::move(*fd);
  chunk_ = static_cast<char>(ChunkType::kMarks);
  chunk_ += kMagic;
  for (const auto& [writer, position] : marks) {
    put_le(chunk_, position.segment);
    put_le(chunk_, position.offset);
    put_le(chunk_, writer);
  }
  return flush();
}

journal::Status CheckpointWriter::add(const std::string& message, const Place& place) {
  if (chunk_.empty()) chunk_ = static_cast<char>(ChunkType::kMessages);
  put_bytes(chunk_, message);
  put_le(chunk_, place.body.segment);
  put_le(chunk_, place.body.offset);
  put_le(chunk_, place.body.length);
  put_le(chunk_, place.body.file);
  put_le(chunk_, place.unit_bytes);
  ++messages_;
  return chunk_.size() < kChunk ? journal::Status{} : flush();
}

journal::Status CheckpointWriter::flush() {
  if (chunk_.empty()) return {};
  std::string header;
  put_le(header, static_cast<std::uint32_t>(chunk_.size()));
  put_le(header, crc32c(chunk_));
  std::vector<iovec> parts{{header.data(), header.size()}, {chunk_.data(), chunk_.size()}};
  if (const auto ok = files_.write(fd_, kTemporary, parts, offset_); !ok) return ok;
  offset_ += header.size() + chunk_.size();
  chunk_.clear();
  return {};
}

journal::Status CheckpointWriter::finish() {
  auto ok = flush();
  chunk_ = static_cast<char>(ChunkType::kEnd);
  put_le(chunk_, messages_);
  if (ok) ok = flush();
  if (ok) ok = files_.sync(fd_, kTemporary);
  if (ok) (void)files_.rename(kCheckpointName, kOldCheckpointName);  // fails the first time: there is none
  if (ok) ok = files_.rename(kTemporary, kCheckpointName);
  if (ok) ok = files_.sync_directory();
  return ok;
}

void CheckpointWriter::discard() { files_.remove(kTemporary); }

std::expected<std::optional<CheckpointInfo>, journal::Error> load_checkpoint(const std::filesystem::path& path,
                                                                             Index& index, journal::Liveness& live) {
  auto reader = ChunkReader::open(path);
  if (!reader && reader.error().code == journal::ErrorCode::kNotFound) return std::optional<CheckpointInfo>();
  if (!reader) return std::unexpected(reader.error());
  CheckpointInfo info;
  std::uint64_t messages = 0;
  for (bool first = true;; first = false) {
    const auto chunk = reader->next();
    if (!chunk) return std::unexpected(chunk.error());
    auto [type, contents] = *chunk;
    if (first != (type == ChunkType::kMarks)) return reader->damaged();
    switch (type) {
      case ChunkType::kMarks:
        if (auto marks = parse_marks(contents)) {
          info.marks = std::move(*marks);
          break;
        }
        return reader->damaged();
      case ChunkType::kMessages:
        if (!load_messages(contents, index, live, messages)) return reader->damaged();
        break;
      case ChunkType::kEnd:
        if (take_le<std::uint64_t>(contents) != messages) return reader->damaged();
        info.bytes = reader->offset();
        return info;
      default:
        return reader->damaged();
    }
  }
}

std::optional<Marks> read_marks(const std::filesystem::path& path) {
  auto reader = ChunkReader::open(path);
  if (!reader) return std::nullopt;
  const auto chunk = reader->next();
  if (!chunk || chunk->first != ChunkType::kMarks) return std::nullopt;
  return parse_marks(chunk->second);
}

}  // namespace quartet::spool
