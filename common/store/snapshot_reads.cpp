#include "common/store/snapshot_reads.h"

#include <utility>

namespace quartet::store {
async::Task<Result<SnapshotPtr>> SnapshotReads::get(async::ThreadPool& pool, Shard& shard, MailboxRef mailbox) {
  co_return co_await async::from_callback<Result<SnapshotPtr>>([&](Asker asker) {
    if (join(mailbox, std::move(asker))) submit(pool, shard, mailbox);
  });
}

bool SnapshotReads::join(const MailboxRef& mailbox, Asker asker) {
  const std::lock_guard lock(mutex_);
  const auto [waiting, first] = waiting_.try_emplace(mailbox);
  waiting->second.push_back(std::move(asker));
  return first;
}

SnapshotReads::Askers SnapshotReads::begin(const MailboxRef& mailbox) {
  const std::lock_guard lock(mutex_);
  return std::exchange(waiting_.at(mailbox), {});
}

bool SnapshotReads::has_more(const MailboxRef& mailbox) {
  const std::lock_guard lock(mutex_);
  const auto waiting = waiting_.find(mailbox);
  if (!waiting->second.empty()) return true;
  waiting_.erase(waiting);
  return false;
}

void SnapshotReads::submit(async::ThreadPool& pool, Shard& shard, const MailboxRef& mailbox) {
  pool.submit([this, &pool, &shard, mailbox] {
    auto askers = begin(mailbox);
    const auto read = [&](Database& database) { return snapshots_.get(database, mailbox); };
    const auto result = read_here<SnapshotPtr>(shard, read);
    for (auto& asker : askers) asker(result);
    // Behind what else waits for a thread, however busy the mailbox is.
    if (has_more(mailbox)) submit(pool, shard, mailbox);
  });
}

}  // namespace quartet::store
