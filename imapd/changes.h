// What has changed in the selected mailbox, told to the client between the responses to its commands.
#pragma once
#include "imapd/context.h"

namespace quartet::imapd {

/// Moves the view of the selected mailbox on, and tells of it and of what it changes in results that are kept up to
/// date. Errors as those of Selected::refresh().
async::Task<store::Result<void>> tell_changes(Context& context, Selected::Refresh how);

}  // namespace quartet::imapd
