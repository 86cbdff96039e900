#include "mda/maildir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/id.h"
#include "common/base/scope.h"

namespace quartet::mda {
namespace {

/// Makes the directory; true if it was missing.
FileResult<bool> make(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return true;
  if (errno == EEXIST) return false;
  return file_error("mkdir", path);
}

FileResult<void> make_all(const std::string& path) {
  bool made = false;
  for (const auto* part : {"", "/tmp", "/new", "/cur"}) {
    const auto one = make(path + part);
    if (!one) return std::unexpected(one.error());
    made = made || *one;
  }
  if (!made) return {};
  if (auto synced = sync_directory(path); !synced) return synced;
  return sync_directory(parent_of(path));
}

/// Unlike any other name: the time for readers that sort, an id that is never made twice, the host for file systems
/// that several share. '/' and ':' mean something else in such a name.
std::string unique_name(std::string_view host, std::size_t size) {
  const auto id = Id::make();
  const auto seconds = to_micros(id.time()) / 1'000'000;
  std::string name = std::to_string(seconds) + "." + id.to_string() + "." + std::string(host);
  std::ranges::replace(name, '/', '_');
  std::ranges::replace(name, ':', '_');
  return name + ",S=" + std::to_string(size);
}

/// Files on disk end their lines with LF.
std::string with_lf(std::string_view message) {
  std::string out;
  out.reserve(message.size());
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (message[i] == '\r' && i + 1 < message.size() && message[i + 1] == '\n') continue;
    out += message[i];
  }
  return out;
}

}  // namespace

FileResult<void> deliver_maildir(const std::string& path, std::string_view message, std::string_view host) {
  if (auto made = make_all(path); !made) return made;
  const auto bytes = with_lf(message);
  const auto name = unique_name(host, bytes.size());
  const auto temporary = path + "/tmp/" + name;
  const auto final_name = path + "/new/" + name;
  ScopeExit remove([&temporary] { ::unlink(temporary.c_str()); });
  if (auto written = write_new(temporary, bytes); !written) return written;
  if (::rename(temporary.c_str(), final_name.c_str()) != 0) return file_error("rename", temporary);
  remove.dismiss();
  auto synced = sync_directory(path + "/new");
  // Not on disk for sure: the sender is told to try again, and must not find it doubled.
  if (!synced) ::unlink(final_name.c_str());
  return synced;
}

}  // namespace quartet::mda
