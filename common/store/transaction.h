// Transaction: what the operations of one batch see and change. Counters are written once per batch, so fifty
// deliveries to one mailbox cost one update of its row and of its account's; and they are read only if others have
// written since the last batch. So nothing else may change the rows of accounts, mailboxes, keywords and limits on this
// connection.
#pragma once
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/id.h"
#include "common/journal/types.h"
#include "common/mime/digest.h"
#include "common/store/hub.h"
#include "common/store/row_cache.h"
#include "common/store/rows.h"
#include "common/store/store.h"

namespace quartet::store {

/// Lives between BEGIN IMMEDIATE and COMMIT on a shard's writer thread. An operation checks everything that can be
/// wrong with its request before its first change; a failing database is latched in `database()` and undoes the batch.
class Transaction {
 public:
  /// `rows` is from the transaction before on this connection, or empty.
  Transaction(Database& database, const Options& options, std::uint32_t shard, RowCache& rows)
      : database_(database), options_(options), shard_(shard), rows_(rows) {}

  Database& database() { return database_; }
  std::uint32_t shard() const { return shard_; }

  // Null with a failed database, and when the account may not be changed here now: refused() says why.
  AccountRow* account(std::string_view name);  // made if missing
  // Null also when there is none. Rows live as long as the transaction.
  AccountRow* account(std::int64_t id);
  /// Why account() gave none the last time, if it was its standing.
  std::optional<StoreError> refused() { return std::exchange(refusal_, std::nullopt); }
  /// For a move between stores: whatever its standing, and none is made.
  AccountRow* account_anyhow(std::string_view name);
  void set_standing(AccountRow& account, Standing standing);
  /// INBOX and the default mailboxes, of an account that has none.
  void create_first_mailboxes(AccountRow& account);
  /// The row of an account that comes from another store; without mailboxes.
  AccountRow* create_incoming(std::string_view name);
  MailboxRow* mailbox(const AccountRow& account, std::string_view name);
  MailboxRow* mailbox(std::int64_t id);

  /// The next mod-sequence of the account, which becomes the mailbox's highest; and a hint for its watchers.
  std::uint64_t next_modseq(AccountRow& account, MailboxRow& mailbox);
  /// For a change to the tree of mailboxes.
  std::uint64_t next_modseq(AccountRow& account);

  MailboxRow* create_mailbox(AccountRow& account, std::string_view name, std::string_view special_use);
  /// The row goes at once, its messages are purged later, in pieces.
  void remove_mailbox(AccountRow& account, MailboxRow& mailbox);
  void rename_mailbox(MailboxRow& mailbox, std::string_view name);

  /// Whether so much more fits into the quota of the account, or into that of the mailbox.
  bool fits(AccountRow& account, std::uint64_t bytes, std::uint64_t messages);
  bool fits(MailboxRow& mailbox, std::uint64_t bytes, std::uint64_t messages);

  /// The bits of these keywords, to be set in this transaction; new ones are made if `create`, if need be in the place
  /// of ones that no message has any more, else left out. nullopt: too many.
  std::optional<std::uint64_t> keyword_bits(AccountRow& account, const std::vector<std::string>& names, bool create);

  ObjectId insert_object(const Id& email_id, std::uint64_t size, const journal::Location& location,
                         const mime::MessageDigest& digest, std::uint64_t refs);
  /// One more message for each of the objects; one that is named twice has two.
  void share_objects(std::vector<ObjectId> objects);
  /// One less; without any it is listed for release.
  void drop_objects(std::vector<ObjectId> objects);

  /// Puts in or changes a message that has its UID and mod-sequence from another store, and counts it.
  void put_message(AccountRow& account, MailboxRow& mailbox, const MessageRow& message, std::int64_t save_date);
  /// Deletes messages as though they had never been: without a word in the log of expunges.
  void forget_message(AccountRow& account, MailboxRow& mailbox, const MessageRow& message);
  /// Tells those who watch the mailbox to look at it.
  void hint(const MailboxRow& mailbox) { hints_.insert({mailbox.account, mailbox.id}); }

  /// Inserts with the mailbox's next UID, counts it everywhere, gives the UID.
  std::uint32_t insert_message(AccountRow& account, MailboxRow& mailbox, MessageRow message);
  /// Inserts copies of ascending `messages` of the mailbox `from`, with its next UIDs, which follow one another; shares
  /// their objects, counts them, gives the first UID.
  std::uint32_t copy_messages(AccountRow& account, MailboxRow& mailbox, std::int64_t from,
                              const std::vector<MessageRow>& messages, std::uint64_t modseq);
  void update_flags(MailboxRow& mailbox, const MessageRow& before, std::uint64_t flags, std::uint64_t modseq);
  /// Deletes ascending `messages`, logs them as expunged with one mod-sequence, gives that.
  std::uint64_t expunge(AccountRow& account, MailboxRow& mailbox, const std::vector<MessageRow>& messages);

  /// Counts into segment.live, for garbage collection.
  void count_segment(journal::SegmentId segment, std::int64_t objects, std::int64_t bytes);

  /// Writes the rows that changed. Before COMMIT.
  void flush();
  std::vector<Hint> hints() const { return {hints_.begin(), hints_.end()}; }
  bool has_releases() const { return has_releases_; }
  /// Rows of accounts or mailboxes were written past this: they are to be read anew after the commit.
  void outdate_rows() { rows_outdated_ = true; }
  bool rows_outdated() const { return rows_outdated_; }
  /// There are mailboxes to purge, or bytes to release.
  void note_releases() { has_releases_ = true; }
  std::int64_t now() const { return now_; }  // microseconds

 private:
  AccountRow* use(AccountRow& row);
  MailboxRow* use(MailboxRow& row);
  AccountRow* keep(std::optional<AccountRow> row);
  MailboxRow* keep(std::optional<MailboxRow> row);
  AccountRow* create_account(std::string_view name);
  AccountRow* insert_account(std::string_view name);
  AccountRow* admit(AccountRow* row);
  void find_free_keywords(AccountRow& account);
  void add_keyword(AccountRow& account, const std::string& name);
  void insert_copies(MailboxRow& mailbox, std::int64_t from, UidRange uids, std::uint64_t modseq);
  void inherit_rights(const AccountRow& account, const MailboxRow& row);

  Database& database_;
  const Options& options_;
  const std::uint32_t shard_;
  RowCache& rows_;
  std::vector<AccountRow*> accounts_;   // that this transaction uses
  std::vector<MailboxRow*> mailboxes_;  // the same
  struct SegmentCount {
    std::int64_t objects = 0;
    std::int64_t bytes = 0;
  };
  std::map<journal::SegmentId, SegmentCount> segments_;
  std::set<Hint> hints_;
  std::optional<StoreError> refusal_;
  std::int64_t now_ = to_micros(wall_now());
  bool has_releases_ = false;
  bool rows_outdated_ = false;
};

}  // namespace quartet::store
