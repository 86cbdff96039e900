#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <list>
#include <mutex>
#include <span>
#include <unordered_map>

#include "common/base/ascii.h"
#include "common/base/crc32c.h"
#include "common/base/gather.h"
#include "common/base/time.h"
#include "common/journal/journal.h"
#include "common/journal/segments.h"

namespace quartet::journal {
namespace {

constexpr std::chrono::seconds kLookAtRemoved{10};

}  // namespace

/// Open segment files, the least recently used closed first. A descriptor in use stays open although it left the table.
class Reader::Impl {
 public:
  Impl(std::filesystem::path directory, std::size_t open_files)
      : directory_(std::move(directory)), open_files_(std::max<std::size_t>(open_files, 1)) {}

  const std::filesystem::path& directory() const { return directory_; }

  struct Open {
    Fd fd;
    std::filesystem::path path;
  };

  std::expected<std::shared_ptr<const Open>, Error> open(SegmentId segment) {
    {
      const std::lock_guard lock(mutex_);
      forget_removed_locked();
      if (const auto it = table_.find(segment); it != table_.end()) {
        order_.splice(order_.begin(), order_, it->second);
        return it->second->second;
      }
    }
    auto path = directory_ / segment_name(segment);
    auto fd = open_for_reading(path);
    if (!fd) return std::unexpected(fd.error());
    auto shared = std::make_shared<const Open>(std::move(*fd), std::move(path));
    const std::lock_guard lock(mutex_);
    forget_locked(segment);
    order_.emplace_front(segment, shared);
    table_[segment] = order_.begin();
    while (order_.size() > open_files_) forget_locked(order_.back().first);
    return shared;
  }

  void forget(SegmentId segment) {
    const std::lock_guard lock(mutex_);
    forget_locked(segment);
  }

 private:
  void forget_locked(SegmentId segment) {
    const auto it = table_.find(segment);
    if (it == table_.end()) return;
    order_.erase(it->second);
    table_.erase(it);
  }

  void forget_removed_locked() {
    const auto now = std::chrono::steady_clock::now();
    if (now < look_at_removed_) return;
    look_at_removed_ = now + kLookAtRemoved;
    for (auto it = order_.begin(); it != order_.end();) {
      const auto& [segment, file] = *it++;
      struct stat info = {};
      if (::fstat(file->fd.get(), &info) == 0 && info.st_nlink == 0) forget_locked(segment);
    }
  }

  using Entry = std::pair<SegmentId, std::shared_ptr<const Open>>;
  std::filesystem::path directory_;
  std::size_t open_files_;
  std::mutex mutex_;
  std::list<Entry> order_;
  std::unordered_map<SegmentId, std::list<Entry>::iterator> table_;
  SteadyTime look_at_removed_{};
};

namespace {

/// What stands behind `head`, which is read with it: fewer than `size` octets only at the end of the file.
std::expected<std::string, Error> read_behind(std::span<char> head, std::size_t size, const Fd& fd,
                                              const std::filesystem::path& path, std::uint64_t offset) {
  std::string bytes;
  set_aside(bytes, size);
  int error = 0;
  const auto all = head.size() + size;
  bytes.resize_and_overwrite(size, [&](char* out, std::size_t) {
    std::size_t done = 0;
    while (done < all) {
      const auto in_head = std::min(done, head.size());
      const auto behind = done - in_head;
      const std::array<iovec, 2> parts{{{head.data() + in_head, head.size() - in_head}, {out + behind, size - behind}}};
      const ssize_t n = ::preadv(fd.get(), parts.data(), parts.size(), static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) error = errno;
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done - std::min(done, head.size());
  });
  if (error != 0) return std::unexpected(make_error(error, "cannot read " + path.string()));
  return bytes;
}

std::expected<std::string, Error> read_file(const std::filesystem::path& directory, const PayloadReference& reference) {
  auto payload = read_whole(directory / payload_name(reference.file));
  if (!payload) return payload;
  if (payload->size() != reference.length || crc32c(*payload) != reference.crc)
    return std::unexpected(Error{ErrorCode::kDamaged, payload_name(reference.file) + ": wrong checksum"});
  return payload;
}

/// The payload of a record of which this was read at the location.
std::expected<std::string, Error> check(const std::filesystem::path& directory, const Location& location,
                                        std::string_view header, std::string behind) {
  if (location.file != 0) {
    const auto reference = reference_at(location, header, behind);
    return reference ? read_file(directory, *reference) : std::unexpected(reference.error());
  }
  const auto payload = payload_at(location, header, behind);
  if (!payload) return std::unexpected(payload.error());
  behind.resize(payload->size());
  return behind;
}

}  // namespace

Reader::Reader(std::filesystem::path directory, std::size_t open_files)
    : impl_(std::make_unique<Impl>(std::move(directory), open_files)) {}
Reader::~Reader() = default;

std::expected<std::string, Error> Reader::read(const Location& location) const {
  const std::size_t size = location.file != 0 ? kPayloadReferenceSize : location.length;
  for (bool again = false;; again = true) {
    const auto fd = impl_->open(location.segment);
    if (!fd) return std::unexpected(fd.error());
    std::array<char, kRecordHeaderSize> head{};
    auto bytes = read_behind(head, size, (*fd)->fd, (*fd)->path, location.offset);
    if (!bytes) return bytes;
    auto payload = check(impl_->directory(), location, {head.data(), head.size()}, std::move(*bytes));
    if (payload || again || payload.error().code != ErrorCode::kDamaged) return payload;
    // The file may have been recycled under a descriptor that was kept: look at it by its name.
    impl_->forget(location.segment);
  }
}

void Reader::forget(SegmentId segment) const { impl_->forget(segment); }

void Reader::will_need(SegmentId segment, std::uint64_t offset, std::uint64_t size) const {
  const auto fd = impl_->open(segment);
  if (fd) ::posix_fadvise((*fd)->fd.get(), static_cast<off_t>(offset), static_cast<off_t>(size), POSIX_FADV_WILLNEED);
}

std::expected<ReplayReport, Error> Reader::scan(SegmentId segment, const ReplayHandler& handler) const {
  const auto segments = segments_of(impl_->directory(), writer_of(segment));
  if (!segments) return std::unexpected(segments.error());
  for (std::size_t i = 0; i < segments->size(); ++i) {
    if ((*segments)[i].id != segment) continue;
    ReplayReport report;
    const auto end = scan_segment(impl_->directory(), (*segments)[i], 0, known_end(*segments, i), handler, report);
    if (!end) return std::unexpected(end.error());
    return report;
  }
  return std::unexpected(Error{ErrorCode::kNotFound, segment_name(segment) + " does not exist"});
}

std::expected<std::vector<SegmentInfo>, Error> list_segments(const std::filesystem::path& directory) {
  std::vector<SegmentInfo> infos;
  for (const auto& name : Files(directory, {}).list("", ".log")) {
    const auto id = parse_segment_name(name);
    struct stat info = {};
    if (id && ::stat((directory / name).c_str(), &info) == 0)
      infos.push_back({*id, static_cast<std::uint64_t>(info.st_blocks) * 512});
  }
  return infos;
}

bool writer_alive(const std::filesystem::path& directory, WriterId writer) {
  return FileLock::held(directory / lock_name(writer));
}

std::expected<void, Error> retire(const std::filesystem::path& directory, SegmentId segment, std::size_t keep_free) {
  const auto writer = writer_of(segment);
  const Files files(directory, {});
  const auto segments = files.list(writer_prefix(writer), ".log");
  // The newest one carries the sequence number on, so it stays although nothing lives in it.
  if (segments.empty() || segments.back() <= segment_name(segment)) return {};
  if (writer_alive(directory, writer) && files.list(writer_prefix(writer), ".free").size() < keep_free) {
    SegmentPool(files, writer, 0, keep_free).give(segment);
  } else {
    files.remove(segment_name(segment));
  }
  return {};
}

void remove_payload_file(const std::filesystem::path& directory, std::uint64_t file) {
  Files(directory, {}).remove(payload_name(file));
}

std::vector<std::uint64_t> list_payload_files(const std::filesystem::path& directory) {
  std::vector<std::uint64_t> ids;
  for (const auto& name : Files(directory / "payload", {}).list("", ".body"))
    if (const auto id = ascii::to_number(std::string_view(name).substr(0, name.size() - 5), 16)) ids.push_back(*id);
  return ids;
}

}  // namespace quartet::journal
