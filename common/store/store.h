// The mailbox store: mailboxes, their messages and flags, quota, and what is cached of each message (design.md section
// 6).
//
// Every call may be made from any loop and resumes there; what blocks runs on the store's own threads. A call that
// changes something answers when the change is on disk. Calls are not cancellable: once begun they are carried out.
// A read never holds a transaction while its caller waits for a client: everything returned is a copy.
//
// Accounts are named by the login the directory gives and come into being when first used, with INBOX and the default
// mailboxes of the options. Mailbox names are given in UTF-8 in any normal form, '/' between levels; INBOX in any case.
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/async/task.h"
#include "common/store/open_message.h"
#include "common/store/rights.h"
#include "common/store/snapshot.h"
#include "common/store/types.h"
#include "common/store/watcher.h"

namespace quartet::store {

class Patience;
class TextShelf;

struct DefaultMailbox {
  std::string name;
  std::string special_use;  // "\\Drafts"; "" for none
  bool subscribed = true;
};

/// A further store that accounts may be in.
struct AdditionalStore {
  std::string name;
  std::string directory;  // as in Options
  std::string postgres;   // as in Options
};

struct Options {
  // What the marks of accounts that are moved call this store.
  std::string name = "main";
  std::vector<AdditionalStore> additional;  // see router.h
  std::uint32_t first_shard = 0;  // where MailboxRef begins to count its shards, so that stores have their own
  std::string directory;          // made if missing; on a local file system (network ones are refused)
  // What libpq connects by ("host=db1 dbname=quartet"), for a store in PostgreSQL 15, which several hosts may share;
  // the directory then has hints between processes only. Empty: all is in the directory.
  std::string postgres;
  // Fixed when the store is made; an existing store keeps its own number. 0: one for two processors, from 1 to 16. Each
  // commits and syncs for itself, and a sync takes the time of several deliveries: what comes at once shares it only
  // within a shard.
  std::size_t shards = 0;
  std::size_t reader_threads = 4;
  std::vector<DefaultMailbox> default_mailboxes;  // beside INBOX, for new accounts
  /// The limits of an account; empty function: none. Called from the store's threads.
  std::function<QuotaLimit(std::string_view account)> quota;
  /// With servers of databases; null: without an end.
  std::shared_ptr<Patience> patience;
  std::chrono::milliseconds busy_timeout{10'000};   // for the lock of a shard that another process holds
  std::chrono::milliseconds poll_interval{10'000};  // watched mailboxes are looked at so often in case a hint was lost
  std::chrono::seconds release_after{3'600};  // bytes of expunged messages stay readable for other processes that long
  std::chrono::seconds gc_interval{300};      // 0: only gc() collects
};

/// A mailbox with a list of rights.
struct Granted {
  std::string account;
  MailboxInfo info;  // without `subscribed` and `has_children`
  Acl acl;
};

/// To move an account to the store `to`, work for about `budget`, and then say how far it is.
struct AccountMove {
  std::string account;
  std::string to;
  std::chrono::milliseconds budget{1'000};
  // How long the account is closed to changes if who moves it dies; longer than a call waits for the end of that, and
  // so long that a short stop of the process does not undo its work.
  std::chrono::milliseconds fence{30'000};
};
struct AccountMoved {
  std::string from, to;
  std::uint64_t messages = 0, bytes = 0;                // of the account
  std::uint64_t messages_copied = 0, bytes_copied = 0;  // of them, in `to`
  bool done = false;                                    // it is in `to`
};

/// A note about a mailbox or an account (RFC 5464).
struct Annotation {
  std::string user;   // login of who alone sees it; "" if it is for all
  std::string entry;  // lower case, without "/private" or "/shared": "/comment"
  std::string value;
};
struct AnnotationChange {
  std::string user;
  std::string entry;
  std::optional<std::string> value;  // nullopt: the note goes
};

struct GcReport {
  std::uint64_t objects_released = 0;
  std::uint64_t segments_removed = 0;
  std::uint64_t bytes_released = 0;
};

/// No parameter may refer to memory that dies before the call has returned.
class Store {
 public:
  virtual ~Store() = default;  // all calls have ended; pending background work is finished

  template <typename T>
  using Async = async::Task<Result<T>>;
  using Done = async::Task<std::expected<void, StoreError>>;

  // --- mailbox tree (list.cpp of the engine) ---

  /// All mailboxes, subscribed names and parents of either, sorted by name with INBOX first.
  virtual Async<std::vector<MailboxInfo>> list(std::string account) = 0;
  /// One mailbox by name; kNoMailbox if it does not exist, kNoSelect if only its children do.
  virtual Async<MailboxInfo> find(std::string account, std::string name) = 0;
  /// Parents that are missing are made too. `special_use` as in MailboxInfo.
  virtual Async<MailboxInfo> create(std::string account, std::string name, std::string special_use) = 0;
  /// Messages are gone at once; with children the name stays as \Noselect. The subscription stays.
  virtual Done remove(std::string account, std::string name) = 0;
  /// With children. INBOX: its messages move to the new mailbox and INBOX stays, empty (RFC 9051 section 6.3.6).
  virtual Done rename(std::string account, std::string from, std::string to) = 0;
  /// Names that do not exist may be subscribed to.
  virtual Done subscribe(std::string account, std::string name, bool subscribed) = 0;
  virtual Async<Status> status(MailboxRef mailbox) = 0;

  // --- messages in ---

  /// One result per target, in order; the bytes are written once. A target that fails does not hinder the others.
  virtual async::Task<std::vector<Result<Stored>>> deliver(std::vector<DeliveryTarget> targets, Bytes message,
                                                           WallTime internaldate) = 0;
  /// All messages or none (RFC 3502). `claims_recent`: as claim_recent(), in the same commit.
  virtual Async<Appended> append(MailboxRef mailbox, std::vector<AppendMessage> messages,
                                 bool claims_recent = false) = 0;
  /// The same where the mailbox is known by its name only, without a find() before: kNoMailbox also in the place of its
  /// kNoSelect. Recent messages are claimed for who has the mailbox `selected`.
  virtual Async<Appended> append(std::string account, std::string name, std::vector<AppendMessage> messages,
                                 std::optional<MailboxRef> selected) = 0;
  /// One message, and in its place `uid` of another or the same mailbox of the account goes, whatever its flags: in one
  /// commit, with room for as much more as the new one is larger. kNoMessage: there is none to go, so none is appended.
  virtual Async<Appended> replace(MailboxRef from, std::uint32_t uid, MailboxRef to, AppendMessage message) = 0;
  /// Rows only, the bytes are shared; all or none. Keeps flags and internal date. UIDs that do not exist are skipped.
  /// Between accounts as well; a move between them that is cut short by a crash may leave messages in both mailboxes.
  virtual Async<Copied> copy(MailboxRef from, UidSet uids, MailboxRef to) = 0;
  virtual Async<Copied> move(MailboxRef from, UidSet uids, MailboxRef to) = 0;

  // --- flags and expunge ---

  virtual Async<FlagsStored> store_flags(MailboxRef mailbox, UidSet uids, FlagChange change) = 0;
  /// Several changes one after the other, with one wait for the disk; one result for each. A change that is refused
  /// does not hinder the others.
  virtual Async<std::vector<Result<FlagsStored>>> store_flags(MailboxRef mailbox, std::vector<FlagRequest> changes) = 0;
  /// Expunges those of `uids` that have \Deleted; nullopt: all that have it.
  virtual Async<Expunged> expunge(MailboxRef mailbox, std::optional<UidSet> uids) = 0;
  /// Expunges all of `uids`, whatever their flags.
  virtual Async<Expunged> remove_messages(MailboxRef mailbox, UidSet uids) = 0;

  // --- views ---

  /// The mailbox now. Cheap when nothing changed; else costs what changed.
  virtual Async<SnapshotPtr> snapshot(MailboxRef mailbox) = 0;
  virtual Async<Changes> changes(MailboxRef mailbox, std::uint64_t since_modseq) = 0;
  /// For a session that selects read-write (not EXAMINE), and again when it tells its client of new messages. Each
  /// message is given to exactly one caller.
  virtual Async<RecentRange> claim_recent(MailboxRef mailbox) = 0;

  /// Ascending by UID, and only of those that are in the mailbox.
  virtual Async<std::vector<MessageDetails>> details(MailboxRef mailbox, UidSet uids) = 0;
  /// What `fields` (a mask of cached::k...) names, for these messages of the mailbox's shard. Ask for some hundred at a
  /// time: the answer is one block of memory.
  virtual Async<CachedBatch> fetch_cached(MailboxRef mailbox, std::vector<ObjectId> objects, unsigned fields) = 0;
  /// Called with the place of each message among those asked for, one after the other, on a thread of the store. The
  /// item is good for that call.
  using UseCached = std::function<void(std::size_t place, const CachedItem& item)>;
  /// The same for who makes something else of it: it is shown where it is and not copied.
  virtual Done show_cached(MailboxRef mailbox, std::vector<ObjectId> objects, unsigned fields, UseCached use) = 0;
  /// The whole message, or kNoMessage when it was expunged and released.
  virtual Async<Bytes> read(MailboxRef mailbox, ObjectId object) = 0;
  /// The same to be read range by range.
  virtual Async<OpenMessage> open(MailboxRef mailbox, ObjectId object) = 0;
  /// Several at once, in order; a null pointer for each that is gone.
  virtual Async<std::vector<Bytes>> read_many(MailboxRef mailbox, std::vector<ObjectId> objects) = 0;
  /// Called with the place of each message among those asked for, on several threads of the store at the same time. The
  /// view is good for that call.
  using Look = std::function<void(std::size_t place, std::string_view message)>;
  /// Shows them all, save those that are gone. Ask for some megabytes at a time: it keeps others waiting.
  virtual Done look_at(MailboxRef mailbox, std::vector<ObjectId> objects, Look look) = 0;

  // --- accounts ---

  /// Those that have messages, in the order of their logins: the first ones behind `after`, at most so many.
  virtual Async<std::vector<std::string>> accounts(std::string after, std::size_t most) = 0;
  /// Removes what an account has, its other mailboxes too, and the rights that others gave it: of one that is nobody's
  /// any more. Whoever has its name next begins as new, and no UIDVALIDITY or mod-sequence is given twice. How many
  /// messages; kCannot: it is being moved to another store.
  virtual Async<std::uint64_t> erase(std::string account) = 0;

  // --- rights (RFC 4314); kUnsupported from an engine that keeps none ---

  /// The owner of the account has all rights and no entry. Ascending by identifier.
  virtual Async<Acl> acl(MailboxRef mailbox);
  /// Nothing is left of an entry without rights. A mailbox made below another begins with the entries of that one.
  virtual Done set_acl(MailboxRef mailbox, std::string identifier, AclMode mode, Rights rights);
  /// All mailboxes with an entry for one of the identifiers.
  virtual Async<std::vector<Granted>> granted(std::vector<std::string> identifiers);

  // --- annotations (RFC 5464); kUnsupported from an engine that keeps none ---

  /// Those for all and those of the user, in the order of the entries. With 0 for the mailbox: those of the account.
  virtual Async<std::vector<Annotation>> annotations(MailboxRef mailbox, std::string user);
  /// All or none. kCannot: more than kMaxAnnotations would be there.
  virtual Done annotate(MailboxRef mailbox, std::vector<AnnotationChange> changes);

  // --- quota; messages count where they are, so those of a mailbox also count for its account ---

  virtual Async<QuotaUsage> quota(std::string account) = 0;
  /// The same without making the account: nullopt if it was never used.
  virtual Async<std::optional<QuotaUsage>> usage(std::string account) = 0;
  virtual Async<QuotaUsage> quota(MailboxRef mailbox) = 0;
  /// Replaces the limit of a mailbox; what is there may be more.
  virtual Done set_quota(MailboxRef mailbox, QuotaLimit limit) = 0;
  /// Whether so much more would be refused now: for RCPT and for APPEND before its literal is taken.
  virtual Done check_quota(std::string account, std::uint64_t bytes, std::uint64_t messages = 1) = 0;
  /// The same of a mailbox, which need not exist. A limit that is set while there is none in the store is seen after
  /// some seconds.
  virtual Done check_mailbox_quota(std::string account, std::string mailbox, std::uint64_t bytes,
                                   std::uint64_t messages = 1) = 0;
  /// Counts the messages of an account and its mailboxes anew; gives how many of these had been counted wrong.
  virtual Async<std::uint64_t> recount(std::string account) = 0;

  // --- change notices; on the loop of the caller ---

  /// Wakes for changes in one mailbox by this or any other process on the store.
  virtual std::unique_ptr<Watcher> watch(MailboxRef mailbox) = 0;
  /// Wakes for any change in the account: mailboxes made or removed, messages and flags in each.
  virtual Async<std::unique_ptr<Watcher>> watch_account(std::string account) = 0;

  // --- hints between hosts: nothing from an engine that one host has for itself ---

  /// Tells of each change that this process makes, from any thread, until what it gives ends.
  virtual std::shared_ptr<void> follow_hints(std::function<void(std::span<const MailboxRef>)>) { return nullptr; }
  /// Such changes by processes of other hosts. Mailbox 0: the tree of mailboxes. Any thread.
  virtual void take_hints(std::span<const MailboxRef>) {}

  // --- maildrops (RFC 1939 section 4) between hosts ---

  /// Whether `holder` alone has the account's maildrop open for so long from now; again to keep it. Always true from an
  /// engine that one host has for itself. The account need not exist.
  virtual Async<bool> hold_maildrop(std::string account, std::string holder, std::chrono::milliseconds time);
  /// Before the time is over. Nothing if it is another's.
  virtual Done leave_maildrop(std::string account, std::string holder);

  // --- accounts in several stores (router.h); kUnsupported where there is one ---

  /// The store that has the account, by name.
  virtual Async<std::string> place(std::string account);
  /// Copies what of an account is not in the other store yet, while it is in use. Once that is little, the account is
  /// closed to changes, the rest is copied, and it is in the other store: with the same UIDs, mod-sequences, flags,
  /// dates and ids. Whoever stops halfway may go on at any time, in any process; until the end the account is where it
  /// was.
  virtual Async<AccountMoved> move_account(AccountMove move);
  /// How far such a move is, without doing anything.
  virtual Async<AccountMoved> look_at_move(std::string account, std::string to);
  /// Drops what of the account was copied. kCannot: nothing of it is on its way.
  virtual Async<AccountMoved> abort_move(std::string account);
  /// Removes what moves have left of an account in the stores it is not in any more: how many messages.
  virtual Async<std::uint64_t> purge_moved(std::string account);

  /// Where an index of texts is kept; null from an engine that keeps none.
  virtual TextShelf* texts() { return nullptr; }

  // --- upkeep ---

  /// Releases the bytes of messages that were expunged long enough ago, and segments nothing refers to. Also runs by
  /// itself every gc_interval.
  virtual Async<GcReport> gc() = 0;
};

/// Opens or makes a store. Blocks: call it at start, before sessions.
std::expected<std::unique_ptr<Store>, StoreError> open_store(Options options);

/// The canonical form of a mailbox name (NFC, INBOX in capitals, also as first level), or kInvalidName.
std::expected<std::string, StoreError> canonical_name(std::string_view name);

}  // namespace quartet::store
