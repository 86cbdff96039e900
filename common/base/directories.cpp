#include "common/base/directories.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace quartet {
namespace {

std::error_code sync_directory(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return {errno, std::generic_category()};
  const std::error_code error = ::fsync(fd) == 0 ? std::error_code() : std::error_code(errno, std::generic_category());
  ::close(fd);
  return error;
}

std::filesystem::path parent_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

std::error_code make_directories(const std::filesystem::path& path) {
  std::error_code error;
  // "a/b/" and "a//b" are "a/b": every step to the parent is one directory up.
  std::filesystem::path whole = std::filesystem::absolute(path, error).lexically_normal();
  if (error) return error;
  if (!whole.has_filename()) whole = whole.parent_path();
  std::vector<std::filesystem::path> missing;
  for (auto one = whole; !std::filesystem::exists(one, error) && !error; one = parent_of(one)) missing.push_back(one);
  if (error) return error;
  std::filesystem::create_directories(whole, error);
  if (error) return error;
  for (const auto& one : missing)
    if (const auto failed = sync_directory(parent_of(one))) return failed;
  // Another process may have made it just now and be about to sync; who may not read the parent did not make it.
  if (missing.empty()) (void)sync_directory(parent_of(whole));
  return {};
}

}  // namespace quartet
