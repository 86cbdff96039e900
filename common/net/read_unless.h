// Reading from a peer that may be silent for long, by a session that others may want to end meanwhile.
#pragma once
#include <expected>
#include <string_view>
#include <vector>

#include "common/async/wait.h"
#include "common/net/sessions.h"
#include "common/net/stream.h"

namespace quartet::net {

/// As Stream::read_some(); also kCancelled once any of `enough` is set, where nothing has come, and kTimedOut at once
/// after the deadline, whatever has come: who always has something to say shall not be heard for ever. The stream
/// stays usable. `stream` and the events outlive the task.
async::Task<std::expected<std::string_view, IoError>> read_unless(Stream& stream, async::Deadline deadline,
                                                                  std::vector<async::Event*> enough);

/// What ends a session that waits for nothing but its client. Either may be null.
std::vector<async::Event*> endings(async::Event* drain_begun, SessionRecord* record);

}  // namespace quartet::net
