#include "common/journal/segments.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/crc32c.h"
#include "common/base/encoding.h"

namespace quartet::journal {
namespace {

constexpr auto kFullPause = std::chrono::milliseconds(100);

}  // namespace

std::expected<std::vector<SegmentFile>, Error> segments_of(const std::filesystem::path& directory, WriterId writer) {
  std::vector<SegmentFile> segments;
  for (const auto& name : Files(directory, {}).list(writer_prefix(writer), ".log")) {
    const auto id = parse_segment_name(name);
    if (!id) continue;
    const auto fd = open_for_reading(directory / name);
    if (!fd && fd.error().code == ErrorCode::kNotFound) continue;  // recycled since it was listed
    if (!fd) return std::unexpected(fd.error());
    const auto bytes = read_at(*fd, directory / name, 0, kSegmentHeaderSize);
    if (!bytes) return std::unexpected(bytes.error());
    auto header = decode_segment_header(*bytes);
    if (header && header->segment != *id) header.reset();  // still that of an overwritten segment
    segments.push_back({*id, header});
  }
  return segments;
}

std::optional<std::uint32_t> known_end(const std::vector<SegmentFile>& segments, std::size_t index) {
  for (std::size_t next = index + 1; next < segments.size(); ++next) {
    const auto& header = segments[next].header;
    if (!header) continue;
    if (header->previous != segments[index].id) return std::nullopt;
    return header->previous_end;
  }
  return std::nullopt;
}

std::vector<Damage> missing_segments(const std::vector<SegmentFile>& segments, SegmentId from) {
  std::vector<Damage> missing;
  for (const auto& segment : segments) {
    const auto& header = segment.header;
    if (!header || header->previous == 0 || header->previous < from) continue;
    if (std::ranges::find(segments, header->previous, &SegmentFile::id) == segments.end())
      missing.push_back({header->previous, 0, header->previous_end, "the segment is not there"});
  }
  return missing;
}

std::expected<ScanEnd, Error> scan_segment(const std::filesystem::path& directory, const SegmentFile& segment,
                                           std::uint32_t from, std::optional<std::uint32_t> end,
                                           const ReplayHandler& handler, ReplayReport& report) {
  const auto path = directory / segment_name(segment.id);
  const auto fd = open_for_reading(path);
  if (!fd) return std::unexpected(fd.error());
  struct stat info = {};
  if (::fstat(fd->get(), &info) != 0) return std::unexpected(make_error(errno, "cannot read " + path.string()));
  from = std::max<std::uint32_t>(from, kSegmentHeaderSize);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  const auto until = end ? std::min<std::uint64_t>(*end, size) : size;
  const auto image = read_at(*fd, path, from, until > from ? until - from : 0);
  if (!image) return std::unexpected(image.error());

  UnitScanner scanner(*image, segment.id, from, end);
  for (;;) {
    switch (scanner.next()) {
      case UnitScanner::Step::kUnit:
        for (const auto& record : scanner.unit()) {
          ++report.records;
          report.bytes += record.location.footprint();
          if (handler) handler(record);
        }
        break;
      case UnitScanner::Step::kDamage:
        report.damage.push_back(scanner.damage());
        break;
      case UnitScanner::Step::kEnd:
        ++report.segments;
        report.torn_bytes += scanner.torn();
        report.end = {segment.id, scanner.end()};
        return ScanEnd{scanner.end(), scanner.next_lsn()};
    }
  }
}

void quarantine(const std::filesystem::path& directory, SegmentId segment) {
  const auto name = segment_name(segment);
  std::error_code error;
  std::filesystem::create_directories(directory / "quarantine", error);
  std::filesystem::create_hard_link(directory / name, directory / "quarantine" / name, error);
}

bool in_quarantine(const std::filesystem::path& directory, SegmentId segment) {
  std::error_code error;
  return std::filesystem::exists(directory / "quarantine" / segment_name(segment), error);
}

SegmentPool::SegmentPool(const Files& files, WriterId writer, std::uint32_t segment_size, std::size_t keep)
    : files_(files), writer_(writer), segment_size_(segment_size), keep_(std::max<std::size_t>(keep, 2)) {}

std::vector<std::string> SegmentPool::free_files() const { return files_.list(writer_prefix(writer_), ".free"); }

std::size_t SegmentPool::available() const {
  const std::lock_guard lock(mutex_);
  return free_files().size();
}

std::expected<std::string, Error> SegmentPool::create_one() {
  // On a full disk each attempt takes and gives back all that is left: not for every append anew.
  const auto now = std::chrono::steady_clock::now();
  if (full_ && now < full_since_ + kFullPause) return std::unexpected(*full_);
  full_.reset();
  std::uint64_t random = 0;
  (void)::getrandom(&random, sizeof random, 0);
  const auto final_name = fmt::format("{}new-{:016x}.free", writer_prefix(writer_), random);
  const auto name = final_name + ".tmp";
  const auto fd = files_.create(name);
  if (!fd) return std::unexpected(fd.error());
  auto ok = files_.allocate(*fd, name, segment_size_);
  if (ok) ok = files_.rename(name, final_name);
  if (!ok) {
    files_.remove(name);
    if (ok.error().code == ErrorCode::kNoSpace) {
      full_ = ok.error();
      full_since_ = now;
    }
    return std::unexpected(ok.error());
  }
  return final_name;
}

Status SegmentPool::prepare(std::size_t wanted) {
  const std::lock_guard lock(mutex_);
  for (auto count = free_files().size(); count < wanted; ++count)
    if (const auto name = create_one(); !name) return std::unexpected(name.error());
  return {};
}

std::expected<SegmentPool::Taken, Error> SegmentPool::take(SegmentId segment, bool use_reserve) {
  const std::lock_guard lock(mutex_);
  auto names = free_files();
  Taken taken;
  while (names.size() < 2 && !taken.reserve) {
    // Both where there is none: what is taken must leave a reserve behind.
    auto fresh = create_one();
    if (fresh) {
      taken.created = true;
      names.insert(names.begin(), *fresh);
    } else if (!use_reserve || names.empty()) {
      return std::unexpected(fresh.error());
    } else {
      taken.reserve = true;
    }
  }
  const auto& name = names.front();
  auto fd = files_.open_for_writing(name);
  if (!fd) return std::unexpected(fd.error());
  struct stat info = {};
  const bool short_file = ::fstat(fd->get(), &info) == 0 && info.st_size < static_cast<off_t>(segment_size_);
  if (short_file)
    if (const auto ok = files_.allocate(*fd, name, segment_size_); !ok) return std::unexpected(ok.error());
  if (const auto ok = files_.rename(name, segment_name(segment)); !ok) return std::unexpected(ok.error());
  taken.fd = std::move(*fd);
  return taken;
}

void SegmentPool::give(SegmentId segment) {
  const std::lock_guard lock(mutex_);
  const auto name = segment_name(segment);
  const auto free_name = name.substr(0, name.size() - 4) + ".free";
  if (in_quarantine(files_.directory(), segment) || free_files().size() >= keep_ || !files_.rename(name, free_name))
    files_.remove(name);
}

std::string encode_end(Position end) {
  std::string bytes;
  put_le(bytes, end.segment);
  put_le(bytes, end.offset);
  put_le(bytes, crc32c(bytes));
  return bytes;
}

std::optional<Position> read_end(const std::filesystem::path& directory, WriterId writer) {
  // A read may meet a half-done write; the checksum tells, and a moment later it is whole.
  for (int attempt = 0; attempt < 100; ++attempt) {
    const auto bytes = read_whole(directory / end_name(writer));
    if (!bytes) return std::nullopt;
    if (bytes->size() != 16) continue;
    std::string_view in = *bytes;
    const auto crc = crc32c(in.substr(0, 12));
    const auto segment = take_le<std::uint64_t>(in);
    const auto offset = take_le<std::uint32_t>(in);
    if (segment && offset && take_le<std::uint32_t>(in) == crc) return Position{*segment, *offset};
  }
  return std::nullopt;
}

}  // namespace quartet::journal
