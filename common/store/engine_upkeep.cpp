// Upkeep: purging the messages of deleted mailboxes, releasing bytes nobody refers to, removing dead segments.
#include <algorithm>
#include <chrono>
#include <set>

#include "common/log/log.h"
#include "common/metrics/metrics.h"
#include "common/store/blocking_job.h"
#include "common/store/engine.h"
#include "common/store/upkeep_lock.h"

namespace quartet::store {
namespace {

// Pieces small enough not to hold up the deliveries they share the writer with.
constexpr int kPiece = 500;

/// Deletes some messages of one deleted mailbox; true when there is more to do.
Result<bool> purge_piece(Transaction& transaction) {
  Database& database = transaction.database();
  auto pending = database.prepare("SELECT id FROM mailbox_gone WHERE purged=0 LIMIT 1");
  if (!pending.step()) return false;
  const std::int64_t mailbox = pending.integer(0);
  std::vector<std::pair<std::uint32_t, ObjectId>> messages;
  {
    auto query = database.prepare("SELECT uid,object FROM message WHERE mailbox=? LIMIT ?");
    query.bind(mailbox).bind(kPiece);
    while (query.step()) messages.emplace_back(query.number32(0), query.integer(1));
  }
  std::vector<ObjectId> objects;
  for (const auto& [uid, object] : messages) {
    database.prepare("DELETE FROM message WHERE mailbox=? AND uid=?").bind(mailbox).bind(uid).run();
    objects.push_back(object);
  }
  transaction.drop_objects(std::move(objects));
  if (messages.size() < kPiece) {
    database.prepare("DELETE FROM expunge WHERE mailbox=?").bind(mailbox).run();
    database.prepare("UPDATE mailbox_gone SET purged=1 WHERE id=?").bind(mailbox).run();
  }
  return true;
}

struct Released {
  std::int64_t time = 0;
  ObjectId object = 0;
  journal::Location location;
};

std::vector<Released> read_released(Database& database, std::int64_t before) {
  auto query = database.prepare(
      "SELECT r.time,r.object,o.segment,o.offset,o.length,o.file FROM released r JOIN object o ON o.id=r.object "
      "WHERE r.time<? AND o.refs=0 LIMIT ?");
  query.bind(before).bind(kPiece);
  std::vector<Released> released;
  while (query.step())
    released.push_back(
        {query.integer(0), query.integer(1), {query.number(2), query.number32(3), query.number32(4), query.number(5)}});
  return released;
}

Result<bool> release_piece(Transaction& transaction, std::int64_t before, std::vector<Released>& released) {
  Database& database = transaction.database();
  released = read_released(database, before);
  for (const Released& item : released) {
    database.prepare("DELETE FROM released WHERE time=? AND object=?").bind(item.time).bind(item.object).run();
    database.prepare("DELETE FROM object WHERE id=?").bind(item.object).run();
    database.prepare("DELETE FROM cache WHERE id=?").bind(item.object).run();
    transaction.count_segment(item.location.segment, -1, -static_cast<std::int64_t>(item.location.footprint()));
  }
  return released.size() == kPiece;
}

}  // namespace

void Engine::upkeep() {
  std::unique_lock lock(upkeep_mutex_);
  // A mailbox whose purge a crash cut short is gone on with at once.
  upkeep_due_ = true;
  auto next_collection = std::chrono::steady_clock::now() + options_.gc_interval;
  const bool collects = options_.gc_interval.count() > 0;
  while (!closing_) {
    const auto ready = [this] { return upkeep_due_ || closing_; };
    if (collects)
      upkeep_wake_.wait_until(lock, next_collection, ready);
    else
      upkeep_wake_.wait(lock, ready);
    const bool purges = std::exchange(upkeep_due_, false);
    lock.unlock();
    if (purges) {
      for (const auto& shard : shards_) (void)purge_some(*shard);
    }
    if (collects && std::chrono::steady_clock::now() >= next_collection) {
      (void)collect();
      next_collection = std::chrono::steady_clock::now() + options_.gc_interval;
    }
    lock.lock();
  }
}

Result<bool> Engine::purge_some(Shard& shard) {
  for (;;) {
    {
      // Most of the time there is nothing to purge: look without the write lock.
      auto reader = shard.reader();
      if (!reader.ok()) return std::unexpected(reader.error());
      auto query = (*reader).prepare("SELECT 1 FROM mailbox_gone WHERE purged=0 LIMIT 1");
      if (!query.step()) return true;
    }
    {
      const std::lock_guard lock(upkeep_mutex_);
      if (closing_) return true;
    }
    const auto more = BlockingJob([](Transaction& transaction) { return purge_piece(transaction); }).wait(shard);
    if (!more) {
      log::warn("store.purge_failed", {{"shard", shard.number()}, {"reason", more.error().detail}});
      return more;
    }
  }
}

Result<bool> Engine::release_some(Shard& shard, GcReport& report) {
  const auto age = std::chrono::duration_cast<std::chrono::microseconds>(options_.release_after).count();
  const std::int64_t before = to_micros(wall_now()) - age;
  for (;;) {
    {
      auto reader = shard.reader();
      if (!reader.ok()) return std::unexpected(reader.error());
      if (read_released(*reader, before).empty()) return true;
    }
    std::vector<Released> released;
    const auto more =
        BlockingJob([&](Transaction& transaction) { return release_piece(transaction, before, released); }).wait(shard);
    if (!more) return more;
    for (const Released& item : released) {
      ++report.objects_released;
      report.bytes_released += item.location.length;
      // A file that cannot go now (its message is still being delivered elsewhere) is left to sweep_files().
      if (item.location.file != 0 && bodies_->settled(item.location.segment) && !file_in_use(item.location.file))
        bodies_->remove_file(item.location.file);
    }
    if (!*more) return true;
  }
}

/// True also when a shard cannot be asked.
bool Engine::file_in_use(std::uint64_t file) {
  for (const auto& shard : shards_) {
    auto reader = shard->reader();
    if (!reader.ok()) return true;
    {
      auto query = (*reader).prepare("SELECT 1 FROM object WHERE file=? AND file<>0 LIMIT 1");
      if (query.bind(file).step()) return true;
    }
    if ((*reader).failed()) return true;
  }
  return false;
}

// Large bodies that a crash left between the journal and the index. A delivery takes seconds; what is a day old and has
// no row will never have one.
void Engine::sweep_files() {
  for (const std::uint64_t file : bodies_->old_files(std::chrono::hours(24)))
    if (!file_in_use(file)) bodies_->remove_file(file);
}

GcReport Engine::collect() {
  static auto& objects = metrics::counter("quartet_store_objects_released_total", "message bodies released");
  static auto& segments = metrics::counter("quartet_store_segments_removed_total", "body segments removed");
  const std::lock_guard lock(collecting_);
  GcReport report;
  // Who backs up or checks the store meanwhile needs every byte that its view of the index names.
  const auto alone = UpkeepLock::try_remove(options_.directory);
  if (!alone) return report;
  for (const auto& shard : shards_) {
    (void)purge_some(*shard);
    if (const auto released = release_some(*shard, report); !released)
      log::warn("store.release_failed", {{"shard", shard->number()}, {"reason", released.error().detail}});
  }
  remove_dead_segments(report);
  compact();
  const auto now = std::chrono::steady_clock::now();
  if (!last_sweep_ || now - *last_sweep_ > std::chrono::hours(24)) {
    last_sweep_ = now;
    sweep_files();
  }
  objects.add(report.objects_released);
  segments.add(report.segments_removed);
  return report;
}

// A segment is dead when no shard has an object in it. It cannot come to life again: copies are made of live objects
// only, and bytes on their way into an index are in segments that removable() leaves out. The order matters: first the
// list, then the look into the shards.
void Engine::remove_dead_segments(GcReport& report) {
  const auto candidates = bodies_->removable();
  if (candidates.empty()) return;
  std::set<journal::SegmentId> dead(candidates.begin(), candidates.end());
  for (const auto& shard : shards_) {
    auto reader = shard->reader();
    if (!reader.ok()) return;
    for (const journal::SegmentId segment : candidates) {
      auto query = (*reader).prepare("SELECT live FROM segment WHERE id=?");
      if (query.bind(segment).step() && query.integer(0) > 0) dead.erase(segment);
    }
    if ((*reader).failed()) return;
  }
  for (const journal::SegmentId segment : dead) {
    bodies_->remove(segment);
    ++report.segments_removed;
  }
}

Store::Async<GcReport> Engine::gc() {
  auto report = co_await async::offload(*pool_, [this] { return collect(); });
  co_return report;
}

}  // namespace quartet::store
