#include "common/journal/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "common/base/ascii.h"
#include "common/base/directories.h"
#include "common/base/gather.h"

namespace quartet::journal {

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Error make_error(int error_number, const std::string& what) {
  Error error{ErrorCode::kIo, fmt::format("{}: {}", what, std::strerror(error_number))};
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      error.code = ErrorCode::kNoSpace;
      break;
    case EROFS:
    case EACCES:
    case EPERM:
      error.code = ErrorCode::kReadOnly;
      break;
    case ENOENT:
      error.code = ErrorCode::kNotFound;
      break;
    default:
      break;
  }
  return error;
}

std::string segment_name(SegmentId segment) {
  return fmt::format("{:04x}-{:012x}.log", writer_of(segment), sequence_of(segment));
}

std::optional<SegmentId> parse_segment_name(std::string_view name) {
  constexpr std::size_t kLength = 4 + 1 + 12 + 4;
  if (name.size() != kLength || name[4] != '-' || !name.ends_with(".log")) return std::nullopt;
  const auto writer = ascii::to_number<WriterId>(name.substr(0, 4), 16);
  const auto sequence = ascii::to_number(name.substr(5, 12), 16);
  if (!writer || !sequence) return std::nullopt;
  return make_segment_id(*writer, *sequence);
}

std::string writer_prefix(WriterId writer) { return fmt::format("{:04x}-", writer); }
std::string lock_name(WriterId writer) { return fmt::format("{:04x}.lock", writer); }
std::string end_name(WriterId writer) { return fmt::format("{:04x}.end", writer); }
std::string trial_name(WriterId writer) { return fmt::format("{:04x}-trial.tmp", writer); }
std::string payload_name(std::uint64_t file) { return fmt::format("payload/{:016x}.body", file); }

Status Files::check_fault(FileOperation operation, const std::string& name) const {
  const int number = fault_ ? fault_(operation, name) : 0;
  if (number != 0) return std::unexpected(make_error(number, name));
  return {};
}

Status Files::make_directories() const {
  for (const char* sub : {"payload", "quarantine"}) {
    if (const std::error_code error = quartet::make_directories(directory_ / sub))
      return std::unexpected(make_error(error.value(), "cannot make " + (directory_ / sub).string()));
  }
  return sync_directory();
}

std::expected<Fd, Error> Files::create(const std::string& name) const {
  if (const auto ok = check_fault(FileOperation::kCreate, name); !ok) return std::unexpected(ok.error());
  Fd fd(::open((directory_ / name).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
  if (!fd) return std::unexpected(make_error(errno, "cannot create " + name));
  return fd;
}

std::expected<Fd, Error> Files::open_for_writing(const std::string& name) const {
  Fd fd(::open((directory_ / name).c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) return std::unexpected(make_error(errno, "cannot open " + name));
  return fd;
}

Status Files::allocate(const Fd& fd, const std::string& name, std::uint64_t size) const {
  if (const auto ok = check_fault(FileOperation::kAllocate, name); !ok) return ok;
  int error = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(size));
  // Where the file system cannot allocate ahead, writes allocate as they come.
  if ((error == EOPNOTSUPP || error == EINVAL) && ::ftruncate(fd.get(), static_cast<off_t>(size)) == 0) error = 0;
  if (error != 0) return std::unexpected(make_error(error, "cannot allocate " + name));
  return {};
}

Status Files::write(const Fd& fd, const std::string& name, std::vector<iovec>& parts, std::uint64_t offset) const {
  if (const auto ok = check_fault(FileOperation::kWrite, name); !ok) return ok;
  std::size_t at = 0;
  while (at < parts.size()) {
    const int count = static_cast<int>(std::min<std::size_t>(parts.size() - at, IOV_MAX));
    ssize_t written = ::pwritev(fd.get(), parts.data() + at, count, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(make_error(errno, "cannot write " + name));
    offset += static_cast<std::uint64_t>(written);
    while (at < parts.size() && static_cast<std::size_t>(written) >= parts[at].iov_len)
      written -= static_cast<ssize_t>(parts[at++].iov_len);
    if (at < parts.size()) {
      parts[at].iov_base = static_cast<char*>(parts[at].iov_base) + written;
      parts[at].iov_len -= static_cast<std::size_t>(written);
    }
  }
  return {};
}

Status Files::sync(const Fd& fd, const std::string& name) const {
  if (const auto ok = check_fault(FileOperation::kSync, name); !ok) return ok;
  if (::fdatasync(fd.get()) != 0) return std::unexpected(make_error(errno, "cannot sync " + name));
  return {};
}

Status Files::rename(const std::string& from, const std::string& to) const {
  if (const auto ok = check_fault(FileOperation::kRename, to); !ok) return ok;
  if (::rename((directory_ / from).c_str(), (directory_ / to).c_str()) != 0)
    return std::unexpected(make_error(errno, fmt::format("cannot rename {} to {}", from, to)));
  return {};
}

Status Files::sync_directory(const std::string& subdirectory) const {
  const auto path = directory_ / subdirectory;
  if (const auto ok = check_fault(FileOperation::kSyncDirectory, path.string()); !ok) return ok;
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return std::unexpected(make_error(errno, "cannot sync " + path.string()));
  return {};
}

void Files::remove(const std::string& name) const { ::unlink((directory_ / name).c_str()); }

std::vector<std::string> Files::list(std::string_view prefix, std::string_view suffix) const {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory_, error), end; !error && it != end; it.increment(error)) {
    auto name = it->path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(suffix)) names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  return names;
}

std::expected<Fd, Error> open_for_reading(const std::filesystem::path& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::unexpected(make_error(errno, "cannot open " + path.string()));
  return fd;
}

std::expected<std::string, Error> read_at(const Fd& fd, const std::filesystem::path& path, std::uint64_t offset,
                                          std::size_t size) {
  std::string bytes;
  set_aside(bytes, size);
  int error = 0;
  bytes.resize_and_overwrite(size, [&](char* out, std::size_t) {
    std::size_t done = 0;
    while (done < size) {
      const ssize_t n = ::pread(fd.get(), out + done, size - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) error = errno;
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  });
  if (error != 0) return std::unexpected(make_error(error, "cannot read " + path.string()));
  return bytes;
}

std::expected<std::string, Error> read_whole(const std::filesystem::path& path) {
  auto fd = open_for_reading(path);
  if (!fd) return std::unexpected(fd.error());
  struct stat info = {};
  if (::fstat(fd->get(), &info) != 0) return std::unexpected(make_error(errno, "cannot read " + path.string()));
  return read_at(*fd, path, 0, static_cast<std::size_t>(info.st_size));
}

Status write_atomically(const Files& files, const std::string& name, std::string_view contents) {
  const auto temporary = name + ".tmp";
  files.remove(temporary);
  const auto fd = files.create(temporary);
  if (!fd) return std::unexpected(fd.error());
  std::vector<iovec> parts{{const_cast<char*>(contents.data()), contents.size()}};
  auto ok = files.write(*fd, temporary, parts, 0);
  if (ok) ok = files.sync(*fd, temporary);
  if (ok) ok = files.rename(temporary, name);
  if (ok) ok = files.sync_directory();
  if (!ok) files.remove(temporary);
  return ok;
}

namespace {

int lock_operation(int fd, int command, struct flock& lock) {
  lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(fd, command, &lock);
}

}  // namespace

std::expected<FileLock, Error> FileLock::take(const std::filesystem::path& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!fd) return std::unexpected(make_error(errno, "cannot open " + path.string()));
  struct flock lock = {};
  if (lock_operation(fd.get(), F_OFD_SETLK, lock) == 0) return FileLock(std::move(fd));
  if (errno == EAGAIN || errno == EACCES)
    return std::unexpected(Error{ErrorCode::kLocked, path.string() + " is held by another process"});
  return std::unexpected(make_error(errno, "cannot lock " + path.string()));
}

bool FileLock::held(const std::filesystem::path& path) {
  const Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) return false;
  struct flock lock = {};
  return lock_operation(fd.get(), F_OFD_GETLK, lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace quartet::journal
