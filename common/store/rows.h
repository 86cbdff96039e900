// Rows of the index as the engine holds them in memory for the length of a transaction.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/store/database.h"
#include "common/store/standing.h"
#include "common/store/types.h"

namespace quartet::store {

struct AccountRow {
  std::int64_t id = 0;
  std::string name;
  std::uint32_t uidvalidity_next = 0;
  std::uint64_t modseq = 1;
  std::uint64_t used_bytes = 0;
  std::uint64_t used_messages = 0;
  Standing standing;
  bool dirty = false;
  bool in_use = false;                               // by the transaction under way
  std::optional<QuotaLimit> limit;                   // looked up when first needed
  std::optional<std::vector<std::string>> keywords;  // read when first needed
  std::uint64_t free_keywords = 0;                   // bits of those that no message has
  std::uint64_t lent_keywords = 0;                   // bits that the transaction under way may be about to set
  std::int64_t keywords_looked_at = 0;               // microseconds: when free ones were last looked for
};

struct MailboxRow {
  std::int64_t id = 0;
  std::int64_t account = 0;
  std::string name;
  std::string guid;
  std::string special_use;
  Status status;
  std::uint32_t recent_uid = 0;  // messages above it are recent to the next session
  std::uint64_t created_modseq = 0;
  std::uint64_t expunge_floor = 0;  // the expunge log is complete from here on
  bool dirty = false;
  bool in_use = false;              // by the transaction under way
  bool gone = false;                // deleted in this transaction
  std::optional<QuotaLimit> limit;  // looked up when first needed

  /// Gives the recent messages to one session.
  RecentRange claim_recent();
};

struct MessageRow {
  std::uint32_t uid = 0;
  std::uint32_t size = 0;
  ObjectId object = 0;
  std::uint64_t flags = 0;
  std::uint64_t modseq = 0;
  std::int64_t internaldate = 0;
};

std::optional<AccountRow> read_account(Database& database, std::string_view name);
std::optional<AccountRow> read_account(Database& database, std::int64_t id);
std::optional<MailboxRow> read_mailbox(Database& database, std::int64_t account, std::string_view name);
std::optional<MailboxRow> read_mailbox(Database& database, std::int64_t id);
/// In the order of their names as bytes.
std::vector<MailboxRow> read_mailboxes(Database& database, std::int64_t account);
/// What a mailbox alone may hold.
QuotaLimit read_limit(Database& database, std::int64_t mailbox);
std::vector<std::string> read_keywords(Database& database, std::int64_t account);
/// Ascending by UID. "*" (kMaxUid) is resolved as RFC 9051 section 9 (seq-range) says.
std::vector<MessageRow> read_messages(Database& database, std::int64_t mailbox, const UidSet& uids);

MailboxInfo to_info(const MailboxRow& row, std::uint32_t shard);

}  // namespace quartet::store
