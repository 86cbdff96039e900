// Delivery to an mbox file (RFC 4155 tells its history): messages one after another, each behind a line "From ". Lines
// of the message that look like it, quoted or not, get one more '>', so that a reader can undo it.
//
// The file is locked in the order Debian's policy gives: fcntl first, then a file of the same name with ".lock". What
// cannot be written in full is cut off again.
#pragma once
#include <chrono>
#include <string>
#include <string_view>

#include "common/base/time.h"
#include "mda/files.h"

namespace quartet::mda {

struct MboxOptions {
  std::chrono::milliseconds lock_timeout{30'000};
  std::chrono::seconds stale_lock{300};  // a ".lock" of that age was left behind by a crash
};

/// Returns when the message is on disk. Makes the file (0600) if it is missing, not its directory. `reverse_path`
/// empty: MAILER-DAEMON. Number EAGAIN: somebody else held the lock all the time. Blocks.
FileResult<void> append_mbox(const std::string& path, std::string_view message, std::string_view reverse_path,
                             WallTime now, const MboxOptions& options = {});

/// What append_mbox writes: LF line ends, an empty line at the end. Exposed for tests.
std::string mbox_entry(std::string_view message, std::string_view reverse_path, WallTime now);

}  // namespace quartet::mda
