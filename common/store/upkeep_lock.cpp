#include "common/store/upkeep_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace quartet::store {
namespace {

int open_lock(const std::string& directory) {
  return ::open((directory + "/collect.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660);
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
