// The files of a directory are rewritten: as a whole, by one process of the host at a time.
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "common/journal/files.h"

namespace quartet::directory {

/// Held by who reads the files of a directory in order to rewrite them: an flock of `PATH.lock`, where `path` is that
/// of the directory itself and not of a file it includes. It excludes within one process, too.
class RewriteLock {
 public:
  /// Waits for whoever holds it. Blocks: not from a loop. The error is one line for the operator.
  static std::expected<RewriteLock, std::string> take(const std::string& path);
  /// Lets the agents of the host know that there is something new to read: the number in the lock's file goes up.
  std::expected<void, std::string> announce();

 private:
  RewriteLock(journal::Fd fd, std::string file) : fd_(std::move(fd)), file_(std::move(file)) {}
  journal::Fd fd_;
  std::string file_;
};

/// The lock's file. The error is one line for the operator: there is no file at `path`.
std::expected<std::string, std::string> lock_file(const std::string& path);
/// How often changes were announced; 0 if there is no such file yet.
std::uint64_t announced(const std::string& path);

/// Puts the text in the place of the file's own, who holds the lock. On disk when it ends well; after a failure or a
/// crash the old text or the new one is there. Permissions and group stay; where `path` is a symbolic link, what it
/// leads to is replaced. The error is one line for the operator.
std::expected<void, std::string> replace_text(const std::string& path, std::string_view text);

}  // namespace quartet::directory
