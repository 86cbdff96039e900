// The engine: Store on shards of SQL tables for the index and Bodies for the bytes, see backing.h.
#pragma once
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "common/async/thread_pool.h"
#include "common/base/ascii.h"
#include "common/mime/digest.h"
#include "common/store/bodies.h"
#include "common/store/hub.h"
#include "common/store/maildrop_leases.h"
#include "common/store/shard.h"
#include "common/store/snapshot_cache.h"
#include "common/store/snapshot_reads.h"
#include "common/store/store.h"
#include "common/store/text_shelf.h"

namespace quartet::store {

/// A message whose rows are still to be written.
struct NewMessage {
  Id email_id;
  std::uint64_t size = 0;
  mime::MessageDigest digest;
  journal::Location location;  // of its bytes, once they have one
};

struct AppendPlace;

/// Whether a shard has limits of mailboxes: without, no message needs to ask for its own.
struct LimitsKnown {
  std::atomic<std::int64_t> looked{0};  // when that was seen, microseconds
  std::atomic<bool> any{false};
};

class Engine final : public Store {
 public:
  static std::expected<std::unique_ptr<Engine>, StoreError> open(Options options);
  ~Engine() override;

  Async<std::vector<MailboxInfo>> list(std::string account) override;
  Async<MailboxInfo> find(std::string account, std::string name) override;
  Async<MailboxInfo> create(std::string account, std::string name, std::string special_use) override;
  Done remove(std::string account, std::string name) override;
  Done rename(std::string account, std::string from, std::string to) override;
  Done subscribe(std::string account, std::string name, bool subscribed) override;
  Async<Status> status(MailboxRef mailbox) override;

  async::Task<std::vector<Result<Stored>>> deliver(std::vector<DeliveryTarget> targets, Bytes message,
                                                   WallTime internaldate) override;
  Async<Appended> append(MailboxRef mailbox, std::vector<AppendMessage> messages, bool claims_recent) override;
  Async<Appended> append(std::string account, std::string name, std::vector<AppendMessage> messages,
                         std::optional<MailboxRef> selected) override;
  Async<Appended> replace(MailboxRef from, std::uint32_t uid, MailboxRef to, AppendMessage message) override;
  Async<Copied> copy(MailboxRef from, UidSet uids, MailboxRef to) override;
  Async<Copied> move(MailboxRef from, UidSet uids, MailboxRef to) override;

  Async<FlagsStored> store_flags(MailboxRef mailbox, UidSet uids, FlagChange change) override;
  Async<std::vector<Result<FlagsStored>>> store_flags(MailboxRef mailbox, std::vector<FlagRequest> changes) override;
  Async<Expunged> expunge(MailboxRef mailbox, std::optional<UidSet> uids) override;
  Async<Expunged> remove_messages(MailboxRef mailbox, UidSet uids) override;

  Async<SnapshotPtr> snapshot(MailboxRef mailbox) override;
  Async<Changes> changes(MailboxRef mailbox, std::uint64_t since_modseq) override;
  Async<RecentRange> claim_recent(MailboxRef mailbox) override;
  Async<std::vector<MessageDetails>> details(MailboxRef mailbox, UidSet uids) override;
  Async<CachedBatch> fetch_cached(MailboxRef mailbox, std::vector<ObjectId> objects, unsigned fields) override;
  Done show_cached(MailboxRef mailbox, std::vector<ObjectId> objects, unsigned fields, UseCached use) override;
  Async<Bytes> read(MailboxRef mailbox, ObjectId object) override;
  Async<OpenMessage> open(MailboxRef mailbox, ObjectId object) override;
  Async<std::vector<Bytes>> read_many(MailboxRef mailbox, std::vector<ObjectId> objects) override;
  Done look_at(MailboxRef mailbox, std::vector<ObjectId> objects, Look look) override;

  Async<std::vector<std::string>> accounts(std::string after, std::size_t most) override;
  Async<std::uint64_t> erase(std::string account) override;

  Async<Acl> acl(MailboxRef mailbox) override;
  Done set_acl(MailboxRef mailbox, std::string identifier, AclMode mode, Rights rights) override;
  Async<std::vector<Granted>> granted(std::vector<std::string> identifiers) override;
  Async<std::vector<Annotation>> annotations(MailboxRef mailbox, std::string user) override;
  Done annotate(MailboxRef mailbox, std::vector<AnnotationChange> changes) override;

  Async<QuotaUsage> quota(std::string account) override;
  Async<std::optional<QuotaUsage>> usage(std::string account) override;
  Async<QuotaUsage> quota(MailboxRef mailbox) override;
  Done set_quota(MailboxRef mailbox, QuotaLimit limit) override;
  Done check_quota(std::string account, std::uint64_t bytes, std::uint64_t messages) override;
  Done check_mailbox_quota(std::string account, std::string mailbox, std::uint64_t bytes,
                           std::uint64_t messages) override;
  Async<std::uint64_t> recount(std::string account) override;

  Async<bool> hold_maildrop(std::string account, std::string holder, std::chrono::milliseconds time) override;
  Done leave_maildrop(std::string account, std::string holder) override;

  std::unique_ptr<Watcher> watch(MailboxRef mailbox) override;
  Async<std::unique_ptr<Watcher>> watch_account(std::string account) override;

  std::shared_ptr<void> follow_hints(std::function<void(std::span<const MailboxRef>)> take) override;
  void take_hints(std::span<const MailboxRef> hints) override;

  TextShelf* texts() override { return texts_.get(); }
  std::vector<TextShelf::Source> text_sources();

  Async<GcReport> gc() override;

  // --- for what works on several stores ---

  bool owns(const MailboxRef& mailbox) const { return mailbox.shard - options_.first_shard < shards_.size(); }
  /// As it is in this store, whatever its standing; nullopt: it was never here.
  Async<std::optional<AccountRow>> row_of(std::string account);
  /// The same by the account's number.
  Async<std::optional<AccountRow>> row_of(MailboxRef mailbox);
  Shard& home_of(std::string_view account) { return shard(shard_of(account)); }
  Shard& shard(std::uint32_t number) { return *shards_[number - options_.first_shard]; }
  async::ThreadPool& readers() { return *pool_; }
  Bodies& bodies() { return *bodies_; }

 private:
  explicit Engine(Options options);
  std::optional<StoreError> start();

  std::uint32_t shard_of(std::string_view account) const;
  /// Null for a reference that cannot be of this store.
  Shard* shard(const MailboxRef& mailbox);
  /// The account's number; makes the account if need be.
  Async<std::int64_t> account_id(std::string account);

  Async<Copied> transfer(MailboxRef from, UidSet uids, MailboxRef to, bool moves);
  /// The same between shards.
  Async<Copied> carry(MailboxRef from, UidSet uids, MailboxRef to, bool moves);
  Async<Appended> append_to(AppendPlace place, std::vector<AppendMessage> messages);
  /// What their rows will say, but for the location.
  Async<std::vector<NewMessage>> digest(const std::vector<Bodies::Body>& bodies);
  // engine_bytes.cpp
  Result<Bytes> read_object(Database& database, ObjectId object);
  struct Looking;
  async::Task<void> look_on(Looking& looking);
  void look_at_some(Looking& looking, std::size_t first, std::size_t end);
  // engine_views.cpp
  void each_cached(Shard& home, Database& database, const std::vector<ObjectId>& objects, unsigned fields,
                   const UseCached& use);
  std::string renew_headers(Database& database, ObjectId object);

  void upkeep();
  GcReport collect();
  Result<bool> purge_some(Shard& shard);
  Result<bool> release_some(Shard& shard, GcReport& report);
  void remove_dead_segments(GcReport& report);
  // engine_compact.cpp
  void compact();
  std::vector<journal::SegmentId> sparse_segments();
  Result<bool> empty_segment(journal::SegmentId segment);

  bool file_in_use(std::uint64_t file);
  void sweep_files();

  const Options options_;
  std::unique_ptr<Bodies> bodies_;
  std::unique_ptr<MaildropLeases> leases_;  // null: no other host is on this store
  std::shared_ptr<Hub> hub_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<LimitsKnown> limits_known_;  // of mailboxes, by shard
  SnapshotCache snapshots_;
  SnapshotReads snapshot_reads_{snapshots_};

  std::mutex accounts_mutex_;
  std::unordered_map<std::string, std::int64_t, ascii::Hash, std::equal_to<>> account_ids_;

  std::mutex collecting_;                                            // one collection at a time
  std::optional<std::chrono::steady_clock::time_point> last_sweep_;  // guarded by collecting_
  std::mutex upkeep_mutex_;
  std::condition_variable upkeep_wake_;
  bool upkeep_due_ = false;
  bool closing_ = false;
  std::thread upkeep_thread_;
  std::unique_ptr<TextShelf> texts_;
  std::unique_ptr<async::ThreadPool> pool_;  // last: its threads end before what they use
};

/// Whether the objects follow one another with few others between them, so that one walk over a table finds all.
bool are_close(const std::vector<ObjectId>& objects);

/// Ready-made errors.
std::unexpected<StoreError> no_mailbox();
std::unexpected<StoreError> database_error(Database& database);
/// Why the transaction gave no account.
std::unexpected<StoreError> refused(Transaction& transaction);
/// The account is in the store that the standing names.
std::unexpected<StoreError> elsewhere(const Standing& standing);

}  // namespace quartet::store
