#include "ctl/transfer/local_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

namespace quartet::transfer {
namespace {

constexpr std::chrono::seconds kLockTimeout{30};
constexpr std::chrono::milliseconds kBetweenTries{50};
/// A pipe that lies between the files would let us wait for somebody who writes into it.
constexpr int kForReading = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

/// Zeros: it cannot be looked at.
std::pair<std::uint64_t, std::uint64_t> identity(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino};
}

WallTime modified(const struct stat& status) {
  return from_micros(static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000 + status.st_mtim.tv_nsec / 1000);
}

bool try_lock(const File& file) {
  struct flock lock = {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  // A file system without locks has nobody who could hold one.
  return ::fcntl(file.get(), F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES && errno != EINTR);
}

bool lock_for_reading(const File& file) {
  const auto deadline = std::chrono::steady_clock::now() + kLockTimeout;
  while (!try_lock(file)) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kBetweenTries);
  }
  return true;
}

FileStamp stamp_of(const struct stat& status) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  // File systems' clocks tick in milliseconds, or in a second at the worst.
  const auto changed = status.st_ctim.tv_sec * kSecond + status.st_ctim.tv_nsec;
  const auto now = to_micros(wall_now()) * 1000;
  return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size), changed,
          changed < now - 2 * kSecond};
}

}  // namespace

std::unexpected<std::string> system_error(std::string_view what, std::string_view path) {
  return std::unexpected(file_error(what, path).error().detail);
}

Outcome<Content> read_content(const std::string& path, bool* missing) {
  const File file(::open(path.c_str(), kForReading));
  if (missing != nullptr) *missing = !file.is_open() && errno == ENOENT;
  if (!file.is_open()) return system_error("open", path);
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) return system_error("stat", path);
  if (!S_ISREG(status.st_mode)) return std::unexpected("not a regular file: " + path);
  Content content;
  content.modified = modified(status);
  content.bytes.resize(static_cast<std::size_t>(status.st_size));
  std::size_t got = 0;
  while (got < content.bytes.size()) {
    const auto part = ::read(file.get(), content.bytes.data() + got, content.bytes.size() - got);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return system_error("read", path);
    if (part == 0) break;
    got += static_cast<std::size_t>(part);
  }
  content.bytes.resize(got);
  return content;
}

Outcome<std::vector<std::string>> read_lines(const std::string& path) {
  bool missing = false;
  const auto content = read_content(path, &missing);
  std::vector<std::string> lines;
  if (missing) return lines;
  if (!content) return std::unexpected(content.error());
  for (std::string_view rest = content->bytes; !rest.empty();) {
    auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
  }
  return lines;
}

Outcome<std::vector<DirectoryEntry>> list_directory(const std::string& path) {
  std::vector<DirectoryEntry> out;
  std::error_code error;
  for (std::filesystem::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    std::error_code unknown;  // what cannot be looked at is no directory
    out.push_back({at->path().filename().string(), at->is_directory(unknown)});
  }
  if (error) return std::unexpected(path + ": " + error.message());
  std::ranges::sort(out, {}, &DirectoryEntry::name);
  return out;
}

void DirectoryTrail::enter(const std::string& path) { inside_.push_back(identity(path)); }

bool DirectoryTrail::leads_back(const std::string& path) const {
  return std::ranges::find(inside_, identity(path)) != inside_.end();
}

bool is_directory(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

Outcome<MappedFile> MappedFile::open(const std::string& path) {
  File file(::open(path.c_str(), kForReading));
  if (!file.is_open()) return system_error("open", path);
  if (!lock_for_reading(file)) return std::unexpected("somebody else has a lock on " + path);
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) return system_error("stat", path);
  if (!S_ISREG(status.st_mode)) return std::unexpected("not a regular file: " + path);
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return MappedFile(std::move(file), nullptr, stamp_of(status));
  void* const address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) return system_error("map", path);
  (void)::madvise(address, size, MADV_SEQUENTIAL);
  return MappedFile(std::move(file), address, stamp_of(status));
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : file_(std::move(other.file_)),
      address_(std::exchange(other.address_, nullptr)),
      stamp_(std::exchange(other.stamp_, {})) {}

MappedFile::~MappedFile() {
  if (address_ != nullptr) ::munmap(address_, stamp_.size);
}

}  // namespace quartet::transfer
