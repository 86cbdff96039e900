// An account that comes from another store, as it is put together in this one. Until finish it has the standing
// kIncoming and is nobody's: its mailboxes have their ids as names, and every piece may be written twice.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "common/journal/types.h"
#include "common/store/outgoing.h"
#include "common/store/transaction.h"

namespace quartet::store {

/// A mailbox of such an account.
struct IncomingMailbox {
  std::int64_t mailbox = 0;
  std::int64_t source = 0;   // in the store that it comes from
  std::uint64_t synced = 0;  // all is copied up to this mod-sequence of it
  CopyPoint messages;        // and of messages up to here
  CopyPoint expunges;        // and of the log of expunges
};
using IncomingMailboxes = std::map<std::int64_t, IncomingMailbox>;  // by `source`

/// The account, if it is the one on its way by `move`; kCannot: not any more.
Result<AccountRow*> incoming_account(Transaction& transaction, const std::string& account, const std::string& move);

/// Begins, or goes on with what another run has begun. The account's number; kExists: it is here.
Result<std::int64_t> begin_incoming(Transaction& transaction, const std::string& account, const std::string& from,
                                    const std::string& move);
IncomingMailboxes read_incoming(Database& database, std::int64_t account);
/// Those of `objects` that are copied already.
std::vector<ObjectId> known_objects(Database& database, std::int64_t account, const std::vector<ObjectId>& objects);

void put_mailbox(Transaction& transaction, AccountRow& account, const MailboxRow& source);
/// Some of the messages of a mailbox that is gone in the other store, then the mailbox; true when there is more to do.
bool drop_mailbox(Transaction& transaction, AccountRow& account, const IncomingMailbox& mailbox);
void put_objects(Transaction& transaction, AccountRow& account, const std::vector<OutgoingObject>& objects,
                 const std::vector<journal::Location>& locations);
Result<void> put_messages(Transaction& transaction, AccountRow& account, std::int64_t mailbox,
                          const std::vector<OutgoingMessage>& messages);
Result<void> put_expunges(Transaction& transaction, AccountRow& account, std::int64_t mailbox,
                          const std::vector<OutgoingExpunge>& expunges);
void mark_synced(Transaction& transaction, const IncomingMailbox& mailbox);

/// All that is not messages. kCorrupt: the messages are not those that `from` has.
Result<void> finish_incoming(Transaction& transaction, AccountRow& account, const OutgoingAccount& from);
/// From now on the account is here, if it is still on its way by `move`.
Result<bool> activate(Transaction& transaction, const std::string& account, const std::string& move);
/// Drops what was copied; the account is where it came from.
void drop_incoming(Transaction& transaction, AccountRow& account);
/// Removes what a move has left of an account that is in another store: how many messages.
std::uint64_t purge_left(Transaction& transaction, AccountRow& account);
/// Keywords, subscriptions and annotations of an account that has no mailboxes any more.
void clear_account(Database& database, std::int64_t account);

}  // namespace quartet::store
