// The most messages that one command may work on: MESSAGELIMIT (RFC 9738).
#pragma once
#include <optional>
#include <string>

#include "imapd/context.h"
#include "imapd/proto/command.h"

namespace quartet::imapd {

/// Where a command names more messages than SessionOptions::message_limit, those with the highest UIDs are left in it,
/// and Context::limited says so. The reply: a command that must be done as a whole or not at all is refused.
std::optional<Reply> keep_to_limit(Context& context, Command& command);

/// Tells a client that its command was done in part: in the tagged reply, or, where that has another code, before it.
void tell_limit(const std::string& limited, Reply& reply, std::string& untagged);

}  // namespace quartet::imapd
