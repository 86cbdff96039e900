#include "ctl/new_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace quartet::ctl {
namespace {

std::unexpected<std::string> said(const std::filesystem::path& path) {
  return std::unexpected(path.string() + ": " + std::error_code(errno, std::system_category()).message());
}

}  // namespace

std::expected<NewFile, std::string> NewFile::create(std::filesystem::path path, unsigned mode) {
  // A device or a pipe would be replaced by a file, for everybody on the host if it is root who asks.
  std::error_code unknown;
  const auto there = std::filesystem::status(path, unknown);
  if (std::filesystem::exists(there) && !std::filesystem::is_regular_file(there))
    return std::unexpected(path.string() + ": is there and is no file");
  auto name = (path.parent_path() / ("." + path.filename().string() + ".XXXXXX")).string();
  const int descriptor = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor < 0) return said(path);
  NewFile file(std::move(path), std::move(name), descriptor);
  if (::fchmod(descriptor, mode) != 0) return file.failed();
  return file;
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

NewFile::~NewFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

std::unexpected<std::string> NewFile::failed() const { return said(path_); }

std::expected<void, std::string> NewFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed();
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

std::expected<void, std::string> NewFile::commit() {
  if (::fsync(descriptor_) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) return failed();
  ::close(std::exchange(descriptor_, -1));
  return {};
}

}  // namespace quartet::ctl
