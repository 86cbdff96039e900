// What follows from a command as it was sent, whatever its outcome.
#pragma once
#include <string>
#include <vector>

#include "imapd/proto/command.h"

namespace quartet::imapd {

/// The state that a command needs (RFC 3501 section 6).
enum class State { kAny, kNotAuthenticated, kAuthenticated, kSelected };
State needed_state(const Command& command);

/// Whether it searches for messages by their sequence numbers.
bool searches_numbers(const Command& command);

/// Whether the response to it may hold EXPUNGE: not where the client speaks of messages by number (RFC 3501 section
/// 7.4.1; the UID commands are others, save those that search for numbers: RFC 7162 section 3.2.10.2).
bool tells_expunges(const Command& command);

/// The mailboxes that it makes, removes, subscribes to or annotates.
std::vector<const std::string*> changed_names(const Command& command);

}  // namespace quartet::imapd
