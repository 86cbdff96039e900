#include "common/service/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "common/base/scope.h"

namespace quartet::service {

void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

namespace {

std::expected<const passwd*, std::string> look_up(const std::string& user) {
  errno = 0;
  const passwd* const entry = getpwnam(user.c_str());
  if (entry != nullptr) return entry;
  return std::unexpected(fmt::format("user {}: {}", user, errno == 0 ? "unknown" : std::strerror(errno)));
}

/// By descriptor and not by name: whoever may write in the directory could put another file there meanwhile.
Status give(const std::string& path, mode_t kind, const passwd& user) {
  const int descriptor = open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  const ScopeExit closing([descriptor] { close(descriptor); });
  struct stat status{};
  if (descriptor >= 0 && fstat(descriptor, &status) == 0) {
    if ((status.st_mode & S_IFMT) != kind) return std::unexpected(fmt::format("{}: is something else now", path));
    if (fchownat(descriptor, "", user.pw_uid, user.pw_gid, AT_EMPTY_PATH) == 0) return {};
  }
  return std::unexpected(fmt::format("{}: cannot be given to {}: {}", path, user.pw_name, std::strerror(errno)));
}

/// Those above it that are missing stay root's.
Status make_directory(const std::filesystem::path& path, const passwd& user) {
  std::error_code error;
  if (std::filesystem::exists(path, error)) return {};
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  if (mkdir(path.c_str(), 0700) == 0) return give(path, S_IFDIR, user);
  if (errno == EEXIST) return {};
  return std::unexpected(fmt::format("{}: cannot be made: {}", path.string(), std::strerror(errno)));
}

}  // namespace

Status hand_over(const Belongings& belongings, const std::string& user) {
  if (user.empty() || geteuid() != 0) return {};
  const auto entry = look_up(user);
  if (!entry) return std::unexpected(entry.error());
  for (const auto& socket : belongings.sockets) {
    if (auto given = give(socket, S_IFSOCK, **entry); !given) return given;
  }
  for (std::filesystem::path directory : belongings.directories) {
    if (!directory.has_filename()) directory = directory.parent_path();  // "spool/"
    if (directory.empty()) continue;
    if (auto made = make_directory(directory, **entry); !made) return made;
  }
  return {};
}

Status become(const std::string& user) {
  if (user.empty()) return {};
  const auto found = look_up(user);
  if (!found) return std::unexpected(found.error());
  const auto* const entry = *found;
  if (geteuid() == entry->pw_uid) return {};
  if (geteuid() != 0) return std::unexpected(fmt::format("only root can become {}", user));
  if (initgroups(user.c_str(), entry->pw_gid) != 0 || setgid(entry->pw_gid) != 0 || setuid(entry->pw_uid) != 0)
    return std::unexpected(fmt::format("cannot become {}: {}", user, std::strerror(errno)));
  return {};
}

void notify_manager(const std::string& state) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path == nullptr || (path[0] != '/' && path[0] != '@') || std::strlen(path) >= sizeof address.sun_path) return;
  const auto length = std::strlen(path);
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // the abstract name space
  const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  const ScopeExit closing([descriptor] { close(descriptor); });
  sendto(descriptor, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
         static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length));
}

std::string system_hostname() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

}  // namespace quartet::service
