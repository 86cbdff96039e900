// SnapshotCache: the newest snapshot of each mailbox in use, brought up to date by what changed since.
#pragma once
#include <list>
#include <map>
#include <memory>
#include <mutex>

#include "common/store/database.h"
#include "common/store/snapshot.h"

namespace quartet::store {

/// Safe from any thread. One thread at a time brings a mailbox up to date; others that ask for it wait for that.
class SnapshotCache {
 public:
  /// Inside a read transaction. Errors: kNoMailbox; those of the database stay latched in it.
  Result<SnapshotPtr> get(Database& database, MailboxRef mailbox);
  /// After a commit of nothing but new messages without keywords, which took the mailbox from the mod-sequence `before`
  /// to that of `head`: what get() would give. Null if the snapshot of `before` is not here. The keywords of `head` are
  /// not looked at.
  SnapshotPtr advance(std::uint64_t before, Snapshot::Head head, const std::vector<Entry>& added);

 private:
  struct Slot {
    std::mutex mutex;
    std::weak_ptr<const Snapshot> newest;
  };

  std::shared_ptr<Slot> slot_of(const MailboxRef& mailbox);
  /// Keeps snapshots alive for a while, so that a client which comes again every minute does not cost a scan.
  void keep(const SnapshotPtr& snapshot);

  std::mutex mutex_;  // guards what follows
  std::map<MailboxRef, std::shared_ptr<Slot>> slots_;
  std::list<SnapshotPtr> kept_;  // newest first
  std::size_t kept_messages_ = 0;
};

}  // namespace quartet::store
