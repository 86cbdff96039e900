// Telling the client of changes while it says nothing: in IDLE (RFC 2177), and after NOTIFY (RFC 5465) at any time.
#pragma once
#include <vector>

#include "common/async/wait.h"
#include "imapd/context.h"
#include "imapd/input.h"

namespace quartet::imapd {

/// Waits until something may have changed of which the client is told, or `enough` is set (kReady), or the time is
/// over.
async::Task<async::Wait> wait_for_changes(Context& context, async::Event& enough, async::Deadline deadline);

/// Tells of it, to a client that has no command under way or is in IDLE. The session must end if there is a farewell
/// after that.
async::Task<void> tell_live(Context& context, Selected::Expunges expunges);

/// As Input::fill(), and tells of changes until then. For clients that have used NOTIFY.
async::Task<bool> fill_and_notify(Context& context, Input& input, std::vector<async::Event*> enough);

}  // namespace quartet::imapd
