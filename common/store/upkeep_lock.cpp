#include "common/store/upkeep_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace quartet::store {
namespace {

/// Root may look after a store of somebody else, whose agents could not open a lock of root's later and would collect
/// nothing any more.
int open_lock(const std::string& directory) {
  const int fd = ::open((directory + "/collect.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660);
  struct stat owner = {};
  if (fd >= 0 && ::geteuid() == 0 && ::stat(directory.c_str(), &owner) == 0) {
    // Where even root may not, it is as it was.
    [[maybe_unused]] const int changed = ::fchown(fd, owner.st_uid, owner.st_gid);
  }
  return fd;
}

bool take(int fd, int operation) {
  while (::flock(fd, operation) != 0)
    if (errno != EINTR) return false;
  return true;
}

}  // namespace

std::optional<UpkeepLock> UpkeepLock::try_remove(const std::string& directory) {
  UpkeepLock lock(open_lock(directory));
  if (lock.fd_ < 0 || !take(lock.fd_, LOCK_EX | LOCK_NB)) return std::nullopt;
  return lock;
}

std::expected<UpkeepLock, StoreError> UpkeepLock::keep(const std::string& directory) {
  UpkeepLock lock(open_lock(directory));
  if (lock.fd_ < 0 || !take(lock.fd_, LOCK_SH))
    return std::unexpected(
        StoreError{ErrorCode::kIo, fmt::format("{}/collect.lock: {}", directory, std::strerror(errno))});
  return lock;
}

UpkeepLock::UpkeepLock(UpkeepLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

UpkeepLock::~UpkeepLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace quartet::store
