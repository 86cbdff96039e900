// Backup of a store while agents work on it, and what makes a store of a backup.
//
// A backup is a directory with the files of a store: each shard as it was at one moment, and the bytes that these name.
// The bytes come last, as they are written before the index: what a shard names is there. Segments and payload files
// that are in the backup already and have not changed are not copied again. A backup that was interrupted leaves what
// was there before as good as it was.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "common/store/check.h"
#include "common/store/types.h"

namespace quartet::store {

struct BackupReport {
  std::uint64_t files = 0;  // all of the backup
  std::uint64_t bytes = 0;
  std::uint64_t copied_files = 0;  // this time
  std::uint64_t copied_bytes = 0;
  std::vector<std::string> missing;  // of a backup that is restored: files of bytes/ that it has lost
};

/// Brings the backup in `to` up to the store in `directory`; makes `to`, and takes nothing but an earlier backup in it.
/// Blocks; garbage is not collected meanwhile.
Result<BackupReport> backup(const std::string& directory, const std::string& to, const ShowProgress& progress = {});

/// Makes the store `directory`, which must not exist or be empty, of the backup `from`. What came after the backup is
/// lost and clients may remember it, so every mailbox gets another UIDVALIDITY, unless `keep_uidvalidity`: only right
/// where nothing came. A file of bytes that the backup has lost costs the messages that were in it, and no others.
/// Blocks.
Result<BackupReport> restore(const std::string& from, const std::string& directory, bool keep_uidvalidity,
                             const ShowProgress& progress = {});

}  // namespace quartet::store
