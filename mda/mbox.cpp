#include "mda/mbox.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "common/base/scope.h"
#include "common/mime/mbox.h"

namespace quartet::mda {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kBetweenTries{20};

/// Tries until it works, fails otherwise than by somebody else's lock, or time is up. Blocks.
template <typename Try>
FileResult<void> until(Clock::time_point deadline, const std::string& path, Try attempt) {
  for (;;) {
    FileResult<bool> locked = attempt();
    if (!locked) return std::unexpected(std::move(locked.error()));
    if (*locked) return {};
    if (Clock::now() >= deadline) {
      errno = EAGAIN;
      return file_error("lock", path);
    }
    std::this_thread::sleep_for(kBetweenTries);
  }
}

/// A lock of the open file description: also against other threads of this process, and against everybody who uses
/// fcntl.
FileResult<bool> try_fcntl(const File& file, const std::string& path) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(file.get(), F_OFD_SETLK, &lock) == 0) return true;
  if (errno == EAGAIN || errno == EACCES || errno == EINTR) return false;
  return file_error("fcntl", path);
}

void remove_stale(const std::string& lock, std::chrono::seconds age) {
  struct stat status = {};
  if (::lstat(lock.c_str(), &status) != 0) return;
  if (std::time(nullptr) - status.st_mtime >= age.count()) ::unlink(lock.c_str());
}

FileResult<bool> try_dotlock(const std::string& lock, std::chrono::seconds stale) {
  const File made(::open(lock.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (made.is_open()) return true;
  if (errno != EEXIST) return file_error("create", lock);
  remove_stale(lock, stale);
  return false;
}

FileResult<File> open_mbox(const std::string& path) {
  // Not through a link: in a directory of the user's it could lead to somebody else's file.
  File file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) return file_error("open", path);
  return file;
}

/// Whether the name still leads to the open file: a reader may have put another in its place while we waited.
bool is_still(const File& file, const std::string& path) {
  struct stat ours = {};
  struct stat named = {};
  return ::fstat(file.get(), &ours) == 0 && ::lstat(path.c_str(), &named) == 0 && ours.st_ino == named.st_ino &&
         ours.st_dev == named.st_dev;
}

/// Deliveries of this process to one mbox come one after the other, so only one of them waits for somebody else's lock.
class Turns {
 public:
  /// False: time is up, or the one whose turn it is takes longer than `longest`.
  bool begin(const std::string& path, Clock::time_point deadline, std::chrono::milliseconds longest) {
    std::unique_lock lock(mutex_);
    for (;;) {
      const auto [turn, is_ours] = begun_.try_emplace(path, Clock::now());
      if (is_ours) return true;
      const auto until = std::min<Clock::time_point>(deadline, turn->second + longest);
      if (Clock::now() >= until) return false;
      ended_.wait_until(lock, until);
    }
  }

  void end(const std::string& path) {
    {
      const std::lock_guard lock(mutex_);
      begun_.erase(path);
    }
    ended_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  std::map<std::string, Clock::time_point> begun_;  // by path
};

FileResult<File> open_locked(const std::string& path, Clock::time_point deadline) {
  for (;;) {
    auto file = open_mbox(path);
    if (!file) return file;
    const auto locked = until(deadline, path, [&] { return try_fcntl(*file, path); });
    if (!locked) return std::unexpected(locked.error());
    if (is_still(*file, path)) return file;
  }
}

/// Every message begins on a line of its own, even behind one that lost its end.
FileResult<bool> ends_in_line_end(const File& file, off_t size, const std::string& path) {
  if (size == 0) return true;
  char last = 0;
  if (::pread(file.get(), &last, 1, size - 1) != 1) return file_error("read", path);
  return last == '\n';
}

FileResult<void> write_entry(const File& file, const std::string& path, std::string entry) {
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) return file_error("stat", path);
  if (!S_ISREG(status.st_mode)) {
    errno = EINVAL;
    return file_error("not a regular file:", path);
  }
  const auto whole = ends_in_line_end(file, status.st_size, path);
  if (!whole) return std::unexpected(whole.error());
  if (!*whole) entry.insert(0, "\n");
  auto written = write_all(file, entry, path);
  if (written) written = sync(file, path);
  // Of an empty one the name may be as new as what is in it.
  if (written && status.st_size == 0) written = sync_directory(parent_of(path));
  // If the cut fails too, the next message still begins on a line of its own.
  if (!written && ::ftruncate(file.get(), status.st_size) == 0) (void)sync(file, path);
  return written;
}

}  // namespace

FileResult<void> append_mbox(const std::string& path, std::string_view message, std::string_view reverse_path,
                             WallTime now, const MboxOptions& options) {
  const auto deadline = Clock::now() + options.lock_timeout;
  static Turns turns;
  if (!turns.begin(path, deadline, options.long_turn)) {
    errno = EAGAIN;
    return file_error("lock", path);
  }
  const ScopeExit end([&path] { turns.end(path); });
  const auto lock = path + ".lock";
  for (;;) {
    const auto file = open_locked(path, deadline);
    if (!file) return std::unexpected(file.error());
    const auto locked = until(deadline, path, [&] { return try_dotlock(lock, options.stale_lock); });
    if (!locked) return locked;
    const ScopeExit unlock([&lock] { ::unlink(lock.c_str()); });
    // A reader that knows only the lock file may have put another mbox in the place of the one that we have locked.
    if (is_still(*file, path)) return write_entry(*file, path, mime::mbox_entry(message, reverse_path, now));
  }
}

}  // namespace quartet::mda
