#include "ctl/transfer/owner.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctl/transfer/local_files.h"

namespace quartet::transfer {
namespace {

/// Of all that root may, reading stays.
void keep_reading() {
  __user_cap_header_struct header{};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  data[0].effective = data[0].permitted = 1U << CAP_DAC_READ_SEARCH;
  // A container may have taken that away: then the sources are read as the owner of the store.
  if (::syscall(SYS_capset, &header, data) == 0) return;
  data[0].effective = data[0].permitted = 0;
  (void)::syscall(SYS_capset, &header, data);
}

}  // namespace

Outcome<void> become_owner(const std::string& directory) {
  struct stat status{};
  if (::stat(directory.c_str(), &status) != 0) return system_error("look at", directory);
  if (::geteuid() != 0 || status.st_uid == 0) return {};
  if (::prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L) != 0) return system_error("keep capabilities for", directory);
  if (::setgroups(1, &status.st_gid) != 0 || ::setgid(status.st_gid) != 0 || ::setuid(status.st_uid) != 0)
    return system_error("become the owner of", directory);
  keep_reading();
  return {};
}

}  // namespace quartet::transfer
