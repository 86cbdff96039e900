// Files that are still there after a power failure, and errors that say which. All of it blocks.
#pragma once
#include <expected>
#include <string>
#include <string_view>

namespace quartet {

struct FileError {
  int number = 0;      // errno
  std::string detail;  // what was tried, with the path; for the log
};
template <typename T>
using FileResult = std::expected<T, FileError>;

/// The present errno with what was tried.
std::unexpected<FileError> file_error(std::string_view what, std::string_view path);

/// A descriptor that is closed with its owner.
class File {
 public:
  explicit File(int descriptor = -1) : descriptor_(descriptor) {}
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();
  int get() const { return descriptor_; }
  bool is_open() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

FileResult<void> write_all(const File& file, std::string_view bytes, const std::string& path);
/// The file's bytes and its size are on disk.
FileResult<void> sync(const File& file, const std::string& path);
/// Makes the file, which must not exist yet; its bytes are on disk. What an error leaves behind is the caller's.
FileResult<void> write_new(const std::string& path, std::string_view bytes);
/// The names in a directory are on disk.
FileResult<void> sync_directory(const std::string& path);
/// "." for a name without a directory.
std::string parent_of(const std::string& path);

}  // namespace quartet
