// Delivery to an mbox file, as common/mime/mbox.h writes it.
//
// The file is locked in the order Debian's policy gives: fcntl first, then a file of the same name with ".lock". What
// cannot be written in full is cut off again.
#pragma once
#include <chrono>
#include <string>
#include <string_view>

#include "common/base/files.h"
#include "common/base/time.h"

namespace quartet::mda {

struct MboxOptions {
  std::chrono::milliseconds lock_timeout{30'000};
  std::chrono::seconds stale_lock{300};  // a ".lock" of that age was left behind by a crash
  /// Who waits behind a delivery of this process that takes longer comes again later: else a mailbox that its reader
  /// keeps locked would take all threads that deliver, and others their mail.
  std::chrono::milliseconds long_turn{5'000};
};

/// Returns when the message is on disk. Makes the file (0600) if it is missing, not its directory. `reverse_path`
/// empty: MAILER-DAEMON. Number EAGAIN: somebody else held the lock all the time. Blocks.
FileResult<void> append_mbox(const std::string& path, std::string_view message, std::string_view reverse_path,
                             WallTime now, const MboxOptions& options = {});

}  // namespace quartet::mda
