#include "common/directory/rewrite.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "common/base/ascii.h"

namespace quartet::directory {
namespace {

constexpr mode_t kPermissions = 07777;

std::unexpected<std::string> fault(const std::string& what) {
  return std::unexpected(fmt::format("{}: {}", what, std::strerror(errno)));
}

/// The file that a path leads to, so that a link stays one.
std::expected<std::filesystem::path, std::string> behind_links(const std::string& path) {
  std::error_code error;
  auto file = std::filesystem::canonical(path, error);
  if (error) return std::unexpected(fmt::format("{}: {}", path, error.message()));
  return file;
}

/// The new file is for the same people as the old one. Its owner may be another: that of this process.
std::expected<void, std::string> keep_access(const journal::Fd& fd, const struct stat& old, const std::string& name) {
  struct stat now{};
  if (::fstat(fd.get(), &now) != 0) return fault(name);
  const bool same_owner = now.st_uid == old.st_uid || ::fchown(fd.get(), old.st_uid, static_cast<gid_t>(-1)) == 0;
  if (now.st_gid != old.st_gid && ::fchown(fd.get(), static_cast<uid_t>(-1), old.st_gid) != 0)
    return fault("the group of " + name + " cannot be kept");
  // Bits that make a program run as its owner mean another owner.
  const mode_t mode = old.st_mode & (same_owner ? kPermissions : kPermissions & ~mode_t{S_ISUID});
  if (::fchmod(fd.get(), mode) != 0) return fault("the permissions of " + name + " cannot be kept");
  return {};
}

}  // namespace

std::expected<std::string, std::string> lock_file(const std::string& path) {
  const auto file = behind_links(path);
  if (!file) return std::unexpected(file.error());
  return file->string() + ".lock";
}

std::uint64_t announced(const std::string& path) {
  const auto name = lock_file(path);
  const auto text = name ? journal::read_whole(*name).value_or("") : "";
  return ascii::to_number(text).value_or(0);
}

std::expected<RewriteLock, std::string> RewriteLock::take(const std::string& path) {
  const auto name = lock_file(path);
  if (!name) return std::unexpected(name.error());
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return fault(path);
  journal::Fd fd(::open(name->c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return fault(*name);
  // Agents that run as other users take it by their group.
  struct stat made{};
  if (::fstat(fd.get(), &made) == 0 && made.st_uid == ::geteuid()) {
    if (made.st_gid != info.st_gid) (void)!::fchown(fd.get(), static_cast<uid_t>(-1), info.st_gid);
    (void)::fchmod(fd.get(), 0660);
  }
  while (::flock(fd.get(), LOCK_EX) != 0)
    if (errno != EINTR) return fault(*name);
  return RewriteLock(std::move(fd), *name);
}

std::expected<void, std::string> RewriteLock::announce() {
  const auto text = journal::read_whole(file_);
  if (!text) return std::unexpected(text.error().detail);
  const auto next = std::to_string(ascii::to_number(*text).value_or(0) + 1);
  if (::pwrite(fd_.get(), next.data(), next.size(), 0) != static_cast<ssize_t>(next.size())) return fault(file_);
  return {};
}

std::expected<void, std::string> replace_text(const std::string& path, std::string_view text) {
  const auto file = behind_links(path);
  if (!file) return std::unexpected(file.error());
  struct stat old{};
  if (::stat(file->c_str(), &old) != 0) return fault(path);
  const journal::Files files(file->parent_path(), {});
  const auto temporary = file->filename().string() + ".new";
  files.remove(temporary);
  // Nobody else may open it before it has the old file's permissions: it has passwords in it.
  const journal::Fd fd(::open((files.directory() / temporary).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return fault((files.directory() / temporary).string());
  auto kept = keep_access(fd, old, file->string());
  std::vector<iovec> parts{{const_cast<char*>(text.data()), text.size()}};
  journal::Status ok;
  if (kept) ok = files.write(fd, temporary, parts, 0);
  if (kept && ok) ok = files.sync(fd, temporary);
  if (kept && ok) ok = files.rename(temporary, file->filename().string());
  if (kept && ok) ok = files.sync_directory();
  if (kept && ok) return {};
  files.remove(temporary);
  return kept ? std::unexpected(fmt::format("{}: {}", path, ok.error().detail)) : kept;
}

}  // namespace quartet::directory
