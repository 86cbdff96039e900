#include "common/control/unix_socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace quartet::control {
namespace {

std::string error_text(const std::string& path, const char* what) {
  return path + ": " + what + ": " + std::strerror(errno);
}

bool fill_address(const std::string& path, sockaddr_un& address) {
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return true;
}

/// Held while a socket file appears or goes: two agents that start with the same path do not both find it free.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::string& file) {
    auto directory = std::filesystem::path(file).parent_path().string();
    if (directory.empty()) directory = ".";
    descriptor_ = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~DirectoryLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  bool held() const { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

/// Empty if `path` is free or the leavings of a process that is gone; else why it cannot be taken.
std::string why_taken(const std::string& path, const sockaddr_un& address) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0) return errno == ENOENT ? "" : error_text(path, "cannot be examined");
  if (!S_ISSOCK(status.st_mode)) return path + ": is there and is not a socket";
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return error_text(path, "no socket");
  const int result = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int why = errno;
  ::close(probe);
  if (result != 0 && (why == ECONNREFUSED || why == ENOENT)) return "";
  return path + ": another process listens there";
}

}  // namespace

std::expected<std::unique_ptr<UnixSocket>, std::string> UnixSocket::open(const std::string& path, unsigned mode) {
  // Made under another name and moved into place when it has its permissions and a listener.
  const auto draft = path + "~";
  sockaddr_un final_address{}, draft_address{};
  if (!fill_address(draft, draft_address) || !fill_address(path, final_address))
    return std::unexpected(path + ": longer than the name of a UNIX socket may be");
  const DirectoryLock lock(path);
  if (!lock.held()) return std::unexpected(error_text(path, "no directory to put it in"));
  if (auto why = why_taken(path, final_address); !why.empty()) return std::unexpected(std::move(why));

  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return std::unexpected(error_text(path, "no socket"));
  std::unique_ptr<UnixSocket> opened(new UnixSocket(path, listener));
  ::unlink(draft.c_str());
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&draft_address), sizeof draft_address) != 0)
    return std::unexpected(error_text(path, "cannot be made"));
  struct stat status = {};
  if (!opened->acceptance_.ok() || ::chmod(draft.c_str(), mode) != 0 || ::listen(listener, 128) != 0 ||
      ::stat(draft.c_str(), &status) != 0 || ::rename(draft.c_str(), path.c_str()) != 0) {
    auto why = error_text(path, "cannot be listened on");
    ::unlink(draft.c_str());
    return std::unexpected(std::move(why));
  }
  opened->device_ = status.st_dev;
  opened->inode_ = status.st_ino;
  return opened;
}

UnixSocket::~UnixSocket() {
  acceptance_.stop();
  if (inode_ == 0) return;
  const DirectoryLock lock(path_);
  struct stat status = {};
  // Somebody may have put another one there.
  if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_)
    ::unlink(path_.c_str());
}

void UnixSocket::start(std::function<void(int)> take) { acceptance_.start(path_, std::move(take)); }

}  // namespace quartet::control
