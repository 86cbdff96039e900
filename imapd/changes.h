// What has changed in the selected mailbox, told to the client between the responses to its commands.
#pragma once
#include "imapd/context.h"

namespace quartet::imapd {

/// Whether the client wants to be told of the selected mailbox at all (RFC 5465 section 3.1).
bool wants_changes(const Context& context);
/// The same of flags that others change.
bool wants_flags(const Context& context);

/// Which changes of flags are told.
enum class FlagChanges { kAsWanted, kAll };

/// Moves the view of the selected mailbox on, and tells of it, of what it changes in results that are kept up to date,
/// and of new messages what the client has asked for. Errors as those of Selected::refresh().
async::Task<store::Result<void>> tell_changes(Context& context, Selected::Refresh how,
                                              FlagChanges flags = FlagChanges::kAsWanted);

}  // namespace quartet::imapd
