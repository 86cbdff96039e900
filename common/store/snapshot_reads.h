// SnapshotReads: of each mailbox at most one snapshot is read at a time. Who asks while it is, waits for the next read
// together with all others who do: a hundred sessions that a change has woken cost two reads and no thread more.
#pragma once
#include <map>
#include <mutex>
#include <vector>

#include "common/async/thread_pool.h"
#include "common/async/wait.h"
#include "common/store/shard.h"
#include "common/store/snapshot_cache.h"

namespace quartet::store {

/// Safe from any thread. Outlives the jobs it submits.
class SnapshotReads {
 public:
  explicit SnapshotReads(SnapshotCache& snapshots) : snapshots_(snapshots) {}
  /// Resumes with what the mailbox is, or a later state: the read has begun after this call.
  async::Task<Result<SnapshotPtr>> get(async::ThreadPool& pool, Shard& shard, MailboxRef mailbox);

 private:
  using Asker = async::Completion<Result<SnapshotPtr>>;
  using Askers = std::vector<Asker>;

  /// Whether no read is under way, after which there would be another for those who wait.
  bool join(const MailboxRef& mailbox, Asker asker);
  /// Those whom a read that begins now answers.
  Askers begin(const MailboxRef& mailbox);
  /// After a read: whether others have come meanwhile.
  bool has_more(const MailboxRef& mailbox);
  void submit(async::ThreadPool& pool, Shard& shard, const MailboxRef& mailbox);

  SnapshotCache& snapshots_;
  std::mutex mutex_;
  std::map<MailboxRef, Askers> waiting_;  // an entry for each mailbox that is being read
};

}  // namespace quartet::store
