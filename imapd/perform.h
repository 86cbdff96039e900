// From a command to the file it is performed in.
#pragma once
#include "imapd/commands.h"

namespace quartet::imapd {

/// What `command` does and its tagged reply, within the limit of messages that one command may work on, and with word
/// of its progress if it takes long. Not for those that change the session itself or are taken several at once:
/// STARTTLS, COMPRESS, LOGOUT, UNAUTHENTICATE, IDLE and STORE. All arguments outlive the task.
Answer perform(Context& context, Input& input, Command& command);

}  // namespace quartet::imapd
