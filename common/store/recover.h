// What is left when shards of the index are lost: the bytes of the messages, brought back into one account.
#pragma once
#include <cstdint>
#include <string>

#include "common/store/types.h"

namespace quartet::store {

struct RecoverReport {
  std::uint64_t shards = 0;  // that were missing, or damaged and set aside as NN.db.damaged, and are new and empty now
  std::uint64_t messages = 0;  // that came back
  std::uint64_t bytes = 0;     // of them
  std::uint64_t damaged = 0;   // stretches of segments, and bodies, that cannot be read
};

/// Where messages come back to.
inline constexpr const char* kRecoveredMailbox = "Recovered";

/// Gives every body that no shard refers to a message in the mailbox kRecoveredMailbox of `account`: those of lost
/// shards, and with them expunged ones that were not collected yet. Whose they were only their headers tell. No agent
/// may be at work on the store: kBusy. A second call finds nothing more. Blocks.
Result<RecoverReport> recover(const std::string& directory, const std::string& account);

}  // namespace quartet::store
