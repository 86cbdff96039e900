// What a client hears while it waits for a long command: INPROGRESS (RFC 9585).
#pragma once
#include <string>

#include "imapd/context.h"
#include "imapd/proto/command.h"

namespace quartet::imapd {

/// Whether the command may take long and writes nothing but whole lines, so that others may come between them.
bool takes_long(const Command& command);

/// What `work` gives. As long as it takes the client is told, again and again, how far it is by Context::progress.
/// `context` and `tag` outlive the task.
async::Task<Reply> with_progress(Context& context, const std::string& tag, async::Task<Reply> work);

}  // namespace quartet::imapd
