#include "mda/maildir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/id.h"
#include "common/base/scope.h"
#include "common/mime/lines.h"
#include "common/mime/maildir.h"

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

}  // namespace

FileResult<void> deliver_maildir(const std::string& path, std::string_view message, std::string_view host) {
  if (auto made = make_all(path); !made) return made;
  std::string bytes;
  bytes.reserve(message.size());
  mime::append_lf(bytes, message);
  const auto id = Id::make();
  const auto name = mime::maildir_base_name(id.time(), id.to_string(), host, bytes.size());
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
