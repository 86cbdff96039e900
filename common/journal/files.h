// Files and directories as the journal needs them: every failure is an Error, and tests can make any operation fail.
#pragma once
#include <sys/uio.h>

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/journal/journal.h"
#include "common/journal/types.h"

namespace quartet::journal {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

using Status = std::expected<void, Error>;

/// The error for an errno; `what` says operation and file.
Error make_error(int error_number, const std::string& what);

/// Names within a journal directory.
std::string segment_name(SegmentId segment);
std::optional<SegmentId> parse_segment_name(std::string_view name);
std::string writer_prefix(WriterId writer);  // "0001-"
std::string lock_name(WriterId writer);
std::string end_name(WriterId writer);
std::string trial_name(WriterId writer);       // see Writer::Impl::try_disk()
std::string payload_name(std::uint64_t file);  // "payload/....body"

/// All writing goes through here.
class Files {
 public:
  using Fault = std::function<int(FileOperation, const std::string&)>;
  Files(std::filesystem::path directory, Fault fault) : directory_(std::move(directory)), fault_(std::move(fault)) {}

  const std::filesystem::path& directory() const { return directory_; }

  Status make_directories() const;
  std::expected<Fd, Error> create(const std::string& name) const;  // must not exist yet
  std::expected<Fd, Error> open_for_writing(const std::string& name) const;
  Status allocate(const Fd& fd, const std::string& name, std::uint64_t size) const;
  /// Writes all of `parts` (which it uses up) from `offset` on.
  Status write(const Fd& fd, const std::string& name, std::vector<iovec>& parts, std::uint64_t offset) const;
  Status sync(const Fd& fd, const std::string& name) const;
  Status rename(const std::string& from, const std::string& to) const;
  Status sync_directory(const std::string& subdirectory = {}) const;
  void remove(const std::string& name) const;

  /// Names of plain files that begin with `prefix` and end with `suffix`, sorted.
  std::vector<std::string> list(std::string_view prefix, std::string_view suffix) const;

 private:
  Status check_fault(FileOperation operation, const std::string& name) const;

  std::filesystem::path directory_;
  Fault fault_;
};

std::expected<Fd, Error> open_for_reading(const std::filesystem::path& path);
/// Up to `size` bytes from `offset`; fewer only at the end of the file.
std::expected<std::string, Error> read_at(const Fd& fd, const std::filesystem::path& path, std::uint64_t offset,
                                          std::size_t size);
std::expected<std::string, Error> read_whole(const std::filesystem::path& path);

/// Replaces a file so that after a crash the old or the new contents are there; durable when it ends well.
Status write_atomically(const Files& files, const std::string& name, std::string_view contents);

/// A lock that ends with the process. A file lock of the open file description, so it also excludes within one process.
class FileLock {
 public:
  static std::expected<FileLock, Error> take(const std::filesystem::path& path);
  /// Whether somebody holds it; does not disturb who tries to take it.
  static bool held(const std::filesystem::path& path);

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace quartet::journal
