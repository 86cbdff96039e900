// Subaddresses that name a mailbox: mail to ann+lists@b.example goes to Lists, if ann has that.
#pragma once
#include <string>

#include "common/async/task.h"
#include "common/store/store.h"

namespace quartet::mda {

/// The mailbox of the account whose name is `detail`, or is it in other case; "" for INBOX, and if
/// there is none that takes messages or the store cannot tell now. '/' in the detail leads to mailboxes below others.
async::Task<std::string> mailbox_named(store::Store& store, std::string account, std::string detail);

}  // namespace quartet::mda
