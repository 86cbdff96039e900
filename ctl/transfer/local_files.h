// Reading what is in files and directories of others. All of it blocks; errors are texts for people.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/files.h"
#include "common/base/time.h"
#include "ctl/transfer/source.h"

namespace quartet::transfer {

struct Content {
  std::string bytes;
  WallTime modified{};
};
/// A whole file; `missing` (if given) tells whether there is none.
Outcome<Content> read_content(const std::string& path, bool* missing = nullptr);
/// Its lines without their ends; none if there is no such file.
Outcome<std::vector<std::string>> read_lines(const std::string& path);

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;  // or a link to one
};
/// By name, without "." and "..".
Outcome<std::vector<DirectoryEntry>> list_directory(const std::string& path);
bool is_directory(const std::string& path);

/// The directories that are being walked through, one within the other.
class DirectoryTrail {
 public:
  void enter(const std::string& path);
  void leave() { inside_.pop_back(); }
  /// Whether it is a link to one of them. All that is there comes by the shorter way.
  bool leads_back(const std::string& path) const;

 private:
  std::vector<std::pair<std::uint64_t, std::uint64_t>> inside_;  // device and inode, whatever links lead there
};

/// The text of an errno, with what was tried.
std::unexpected<std::string> system_error(std::string_view what, std::string_view path);

/// What a file was when it was opened. Where two are equal and the first is settled, nothing has been written between.
struct FileStamp {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t changed = 0;  // nanoseconds; nobody can set them
  bool settled = false;      // no later change can bear the same time

  bool is_unchanged(const FileStamp& now) const {
    return settled && device == now.device && inode == now.inode && size == now.size && changed == now.changed;
  }
};

/// A file that is mapped into memory, and locked against writers that ask for a lock by fcntl.
class MappedFile {
 public:
  /// Waits up to half a minute for the lock.
  static Outcome<MappedFile> open(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  std::string_view bytes() const { return {static_cast<const char*>(address_), stamp_.size}; }
  const FileStamp& stamp() const { return stamp_; }

 private:
  MappedFile(File file, void* address, const FileStamp& stamp)
      : file_(std::move(file)), address_(address), stamp_(stamp) {}
  File file_;
  void* address_;
  FileStamp stamp_;
};

}  // namespace quartet::transfer
