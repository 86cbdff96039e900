#include "common/store/layout.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "common/base/ascii.h"
#include "common/base/directories.h"
#include "common/base/scope.h"

namespace quartet::store {
namespace {

constexpr std::size_t kMaxShards = 256;

StoreError io_error(const std::string& what) {
  return {ErrorCode::kIo, fmt::format("{}: {}", what, std::strerror(errno))};
}

/// Written beside, synced, renamed: it is there whole or not at all.
std::expected<void, StoreError> write_file(const std::string& directory, const std::string& name,
                                           const std::string& text) {
  const std::string path = directory + "/" + name;
  const std::string draft = path + ".new";
  const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0) return std::unexpected(io_error(draft));
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  ::close(fd);
  if (!written || ::rename(draft.c_str(), path.c_str()) != 0) return std::unexpected(io_error(path));
  const int directory_fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory_fd < 0) return std::unexpected(io_error(directory));
  const ScopeExit close([directory_fd] { ::close(directory_fd); });
  if (::fsync(directory_fd) != 0) return std::unexpected(io_error(directory));
  return {};
}

}  // namespace

std::string unsuitable_file_system(const std::string& path) {
  struct Known {
    std::uint32_t magic;
    const char* name;
  };
  static constexpr Known kUnsuitable[] = {
      {0x6969, "nfs"},       {0x517B, "smb"},        {0xFF534D42, "cifs"}, {0xFE534D42, "smb2"},   {0x01021997, "9p"},
      {0x65735546, "fuse"},  // virtiofs and most network file systems of user space among them
      {0x00C36400, "ceph"},  {0x5346414F, "afs"},    {0x73757245, "coda"}, {0x0BD00BD0, "lustre"}, {0x01161970, "gfs2"},
      {0x7461636F, "ocfs2"}, {0x786F4256, "vboxsf"}, {0x564C, "ncp"},      {0x47504653, "gpfs"},
  };
  struct statfs info{};
  if (::statfs(path.c_str(), &info) != 0) return "";
  for (const Known& known : kUnsuitable)
    if (static_cast<std::uint32_t>(info.f_type) == known.magic) return known.name;
  return "";
}

std::expected<Layout, StoreError> Layout::open(const std::string& directory, std::size_t shards_if_new) {
  for (const char* part : {"", "/index", "/bytes", "/hints"}) {
    std::error_code error;
    const bool made = !std::filesystem::exists(directory + part, error);
    if (!error) error = make_directories(directory + part);
    // Mail is private whatever the umask; an administrator may open what exists to a group.
    if (made && !error) std::filesystem::permissions(directory + part, std::filesystem::perms::owner_all, error);
    if (error) return std::unexpected(StoreError{ErrorCode::kIo, directory + part + ": " + error.message()});
  }
  if (const std::string kind = unsuitable_file_system(directory); !kind.empty())
    return std::unexpected(
        StoreError{ErrorCode::kUnsupported,
                   fmt::format("{} is on a {} file system; an embedded store needs a local one", directory, kind)});
  const int fd = ::open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660);
  if (fd < 0) return std::unexpected(io_error(directory + "/lock"));
  Layout layout(directory, fd);
  while (::flock(fd, LOCK_EX) != 0)
    if (errno != EINTR) return std::unexpected(io_error(directory + "/lock"));
  if (auto read = layout.read_or_write_settings(shards_if_new); !read) return std::unexpected(std::move(read.error()));
  return layout;
}

Layout::~Layout() {
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

Layout::Layout(Layout&& other) noexcept
    : directory_(std::move(other.directory_)), lock_fd_(std::exchange(other.lock_fd_, -1)), shards_(other.shards_) {}

std::string Layout::shard_path(std::size_t number) const {
  return fmt::format("{}/index/{:02x}.db", directory_, number);
}

std::string Layout::texts_path(std::size_t number) const {
  return fmt::format("{}/text/{:02x}.db", directory_, number);
}

std::expected<void, StoreError> Layout::read_or_write_settings(std::size_t shards_if_new) {
  std::error_code error;
  if (std::filesystem::exists(directory_ + "/store.conf", error)) {
    const auto shards = count_shards(directory_);
    if (!shards) return std::unexpected(shards.error());
    shards_ = *shards;
    return {};
  }
  shards_ = shards_if_new;
  if (shards_ == 0 || shards_ > kMaxShards)
    return std::unexpected(StoreError{ErrorCode::kUnsupported, fmt::format("a store has 1 to {} shards", kMaxShards)});
  return write_file(directory_, "store.conf", fmt::format("format 1\nshards {}\n", shards_));
}

std::expected<std::size_t, StoreError> count_shards(const std::string& directory) {
  const std::string path = directory + "/store.conf";
  std::ifstream file(path);
  if (!file) return std::unexpected(StoreError{ErrorCode::kIo, path + " cannot be read: is this a store?"});
  std::string line;
  std::string format;
  std::size_t shards = 0;
  while (std::getline(file, line)) {
    if (line.starts_with("format ")) format = line.substr(7);
    if (line.starts_with("shards "))
      shards = ascii::to_number<std::size_t>(std::string_view(line).substr(7)).value_or(0);
  }
  if (format != "1" || shards == 0 || shards > kMaxShards)
    return std::unexpected(StoreError{ErrorCode::kUnsupported, path + " is not of a format this version knows"});
  return shards;
}

}  // namespace quartet::store
