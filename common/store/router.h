// Router: one Store in front of several, of which the first is the main one and each account is in one. Where that is,
// the account's row in the main store says, and the rows it points to (standing.h); what is remembered of it is
// corrected by the stores, which refuse accounts that they do not have. So no two processes can be of two minds.
//
// An account that no store knows is made in the main one. Calls that meet an account while it is moved wait for the end
// of that. A MailboxRef is of one store: after a move of its account every call with it gives kMoved.
#pragma once
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/ascii.h"
#include "common/store/engine.h"
#include "common/store/mover.h"
#include "common/store/text_shelf.h"

namespace quartet::store {

class Router final : public Store {
 public:
  static std::expected<std::unique_ptr<Router>, StoreError> open(const Options& options);

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

  Async<std::string> place(std::string account) override;
  Async<AccountMoved> move_account(AccountMove move) override;
  Async<AccountMoved> look_at_move(std::string account, std::string to) override;
  Async<AccountMoved> abort_move(std::string account) override;
  Async<std::uint64_t> purge_moved(std::string account) override;

  TextShelf* texts() override { return texts_.get(); }

  Async<GcReport> gc() override;

  /// For tests. Before the first move.
  void set_checkpoint(Mover::Checkpoint checkpoint) { checkpoint_ = std::move(checkpoint); }

 private:
  struct Home {
    std::string name;
    std::unique_ptr<Engine> engine;
  };
  class Patience;

  Engine& at(std::size_t home) { return *homes_[home].engine; }
  /// Null for a reference that is of none.
  Engine* owner(const MailboxRef& mailbox);
  std::optional<std::size_t> named(std::string_view name) const;

  /// The store that has the account, or in which it would be made.
  Async<std::size_t> locate(std::string account);
  Async<std::size_t> follow_marks(std::string account);
  /// Of an account that the main store does not know: looks into the others.
  Async<std::size_t> adopt(std::string account);
  void forget(const std::string& account);
  /// Until the account may be another's; at most for a moment.
  async::Task<void> wait_for_move(std::size_t home, std::string account);

  template <typename T, typename Call>
  Async<T> by_account(std::string account, Call call);
  template <typename T, typename Call>
  Async<T> by_mailbox(MailboxRef mailbox, Call call);
  /// kNoMailbox, or kMoved if that is why.
  async::Task<StoreError> why_missing(Engine& engine, MailboxRef mailbox, StoreError error);
  Async<Copied> transfer(MailboxRef from, UidSet uids, MailboxRef to, bool moves);
  /// Between two stores: the bytes are written again.
  Async<Copied> carry(Engine& source, MailboxRef from, UidSet uids, Engine& target, MailboxRef to, bool moves);

  /// The store with the account, and the other by its name.
  Async<std::pair<std::size_t, std::size_t>> ends_of(std::string account, std::string to);
  Async<AccountMoved> move_between(std::size_t from, std::size_t to, AccountMove move);
  Done stop_move(std::string account, std::size_t from, std::size_t to, std::string run);
  Async<AccountMoved> stay(std::string account, std::size_t home);
  Done point_to(std::string account, std::size_t to);

  std::vector<Home> homes_;
  std::unique_ptr<TextShelf> texts_;  // of all of them
  Mover::Checkpoint checkpoint_;
  std::mutex mutex_;  // guards what follows
  std::unordered_map<std::string, std::size_t, ascii::Hash, std::equal_to<>> known_;
  std::set<std::string, std::less<>> moving_;  // by this process
};

}  // namespace quartet::store
