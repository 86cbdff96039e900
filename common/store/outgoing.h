// What is read of an account that is to be in another store: in pieces, and each piece in one read transaction.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/base/id.h"
#include "common/mime/digest.h"
#include "common/store/bodies.h"
#include "common/store/rows.h"
#include "common/store/store.h"

namespace quartet::store {

/// How far a mailbox is copied: all before this, in the order of mod-sequences and then UIDs.
struct CopyPoint {
  std::uint64_t modseq = 0;
  std::uint32_t uid = 0;
};

/// A message; its object is one of the store that it comes from.
struct OutgoingMessage {
  MessageRow row;
  std::int64_t save_date = 0;
};

/// The bytes that messages share, and what is kept of them.
struct OutgoingObject {
  ObjectId object = 0;
  Id email_id;
  std::uint64_t size = 0;
  mime::MessageDigest digest;
  std::int64_t version = 0;  // of the digest
  Bytes bytes;
};

struct OutgoingExpunge {
  std::uint64_t modseq = 0;
  UidRange uids;
};

/// What tells whether two mailboxes have the same messages, without comparing them one by one.
struct MessageSums {
  std::int64_t count = 0, uids = 0, modseqs = 0, flags = 0, sizes = 0, dates = 0, expunges = 0;
  friend bool operator==(const MessageSums&, const MessageSums&) = default;
};

/// All that is not messages.
struct OutgoingAccount {
  AccountRow row;
  std::int64_t created = 0;
  struct Mailbox {
    MailboxRow row;
    MessageSums sums;
    std::vector<std::pair<std::string, std::string>> acl;
    QuotaLimit limit;
  };
  std::vector<Mailbox> mailboxes;
  struct Note {
    std::int64_t mailbox = 0;  // of the store it comes from; 0: of the account
    std::string user, entry, value;
  };
  std::vector<Note> notes;
  std::vector<std::string> keywords;
  std::vector<std::string> subscriptions;
};

/// Ascending from `from` on. What is changed later gets a higher mod-sequence, and is met again.
std::vector<OutgoingMessage> read_outgoing(Database& database, std::int64_t mailbox, CopyPoint from, std::size_t most);
std::vector<OutgoingExpunge> read_expunges(Database& database, std::int64_t mailbox, CopyPoint from, std::size_t most);
/// With their bytes; not all of them if that were more than `most_bytes`, or one cannot be read, but at least one: an
/// error is of the first.
Result<std::vector<OutgoingObject>> read_objects(Database& database, const Bodies& bodies,
                                                 const std::vector<ObjectId>& objects, std::uint64_t most_bytes);
MessageSums sums_of(Database& database, std::int64_t mailbox);
OutgoingAccount read_outgoing_account(Database& database, const AccountRow& account);

}  // namespace quartet::store
