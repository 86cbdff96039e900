// Checking and repairing a store, in use or not: the index against itself and against the bytes.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/store/types.h"

namespace quartet::store {

/// How many messages, or octets, are done, of all.
using ShowProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct CheckFault {
  enum class Kind {
    kIndex,    // a database is damaged or contradicts itself in what repair() cannot know
    kCount,    // a number that is kept and is wrong: repair() counts anew
    kContent,  // the bytes of a message are damaged or gone; all other messages can be read
  };
  Kind kind = Kind::kIndex;
  std::string text;  // for the operator: where, what, which messages
};

struct CheckReport {
  std::uint64_t shards = 0;
  std::uint64_t accounts = 0;
  std::uint64_t mailboxes = 0;
  std::uint64_t messages = 0;
  std::uint64_t objects = 0;  // bodies, each read and held against its checksum; several messages may share one
  std::uint64_t bytes = 0;    // of them
  // Bodies without a message: of expunged ones until their segment is collected, and of deliveries under way.
  std::uint64_t unreferenced_records = 0;
  std::uint64_t unreferenced_bytes = 0;
  std::uint64_t unreferenced_files = 0;
  std::vector<CheckFault> faults;
  bool healthy() const { return faults.empty(); }
};

/// Reads everything; garbage is not collected meanwhile. Each shard is seen at one moment. Blocks. An error only if
/// there is no store in `directory` or it cannot be read at all.
Result<CheckReport> check(const std::string& directory, const ShowProgress& progress = {});

/// Counts anew what is kept in numbers: of mailboxes, accounts, bodies and segments. UIDNEXT and mod-sequences only
/// ever go up. Deletes no message. Gives the rows that were wrong; a database that cannot be read is an error
/// (kCorrupt).
Result<std::uint64_t> repair(const std::string& directory);

}  // namespace quartet::store
