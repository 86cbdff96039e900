// The mailboxes of an account on another IMAP server.
#pragma once
#include <memory>

#include "ctl/transfer/imap_client.h"
#include "ctl/transfer/source.h"

namespace quartet::transfer {

/// Nothing is changed there: mailboxes are examined, and messages not marked as seen. Messages are named by their UIDs.
/// A connection that is lost while messages are read is made anew once. Mailboxes of other users and of nobody are left
/// out. The pool outlives the source.
async::Task<Outcome<std::unique_ptr<Source>>> open_imap(ImapAccount account, async::ThreadPool& pool);

}  // namespace quartet::transfer
