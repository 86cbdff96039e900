#include "common/store/shard.h"

#include <algorithm>
#include <ranges>

#include "common/base/scheduling.h"
#include "common/log/log.h"
#include "common/metrics/metrics.h"

namespace quartet::store {
namespace {

// Enough to amortize the sync, few enough that the first of a batch does not wait long for the last.
constexpr std::size_t kMaxBatch = 256;
constexpr std::size_t kMaxIdleReaders = 8;
// Of a batch that others undid, or whose server was away.
constexpr int kTries = 5;

}  // namespace

Shard::Shard(std::unique_ptr<ShardPlace> place, std::uint32_t number, const Options& options, std::shared_ptr<Hub> hub)
    : place_(std::move(place)), number_(number), options_(options), hub_(std::move(hub)) {}

std::expected<std::unique_ptr<Shard>, StoreError> Shard::open(std::unique_ptr<ShardPlace> place, std::uint32_t number,
                                                              const Options& options, std::shared_ptr<Hub> hub) {
  std::unique_ptr<Shard> shard(new Shard(std::move(place), number, options, std::move(hub)));
  auto database = shard->place_->writer();
  if (!database) return std::unexpected(std::move(database.error()));
  shard->database_ = std::move(*database);
  shard->thread_ = std::thread([raw = shard.get()] { raw->work(); });
  return shard;
}

Shard::~Shard() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Shard::submit(Job& job) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(&job);
    if (queue_.size() > 1) return;  // the thread was woken for the first
  }
  wake_.notify_one();
}

void Shard::work() {
  let_wakers_finish();
  for (;;) {
    std::vector<Job*> batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
    }
    // Others of this process may join the batch while another process commits.
    place_->lock();
    {
      const std::lock_guard lock(mutex_);
      const std::size_t count = std::min(queue_.size(), kMaxBatch);
      batch.assign(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
      queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
      ++stats_.batches;
      stats_.jobs += count;
    }
    commit(std::move(batch));
  }
}

void Shard::commit(std::vector<Job*> batch) {
  static auto& committed = metrics::counter("quartet_store_operations_total", "operations committed to the index");
  static auto& failures = metrics::counter("quartet_store_failures_total", "operations that failed at the database");
  bool running = false;
  auto error = attempt(batch, running);
  for (int n = 1; error && n < kTries && database_->recover(*error); ++n) error = attempt(batch, running);
  if (error && running && batch.size() > 1 && database_->usable()) {
    // One of them met a fault (a damaged row, a full disk): give each its own transaction, so that it fails alone. A
    // server that is away is no fault of one, and each would wait for it anew.
    for (Job* const job : batch) {
      place_->lock();
      commit({job});
    }
    return;
  }
  if (error) {
    failures.add(batch.size());
    log::error("store.commit_failed", {{"shard", number_}, {"operations", batch.size()}, {"reason", error->detail}});
  } else {
    committed.add(batch.size());
  }
  for (Job* const job : batch) job->finish(error ? &*error : nullptr);
}

void Shard::run(const std::vector<Job*>& batch, Transaction& transaction) {
  for (Job* const job : batch) {
    job->run(transaction);
    if (database_->failed()) break;
  }
  transaction.flush();
  // What they wait for ends in their order: who waits for the last is woken once.
  for (Job* const job : std::views::reverse(batch)) {
    if (database_->failed()) break;
    if (auto error = job->settle()) database_->fail(std::move(*error));
  }
}

std::optional<StoreError> Shard::attempt(const std::vector<Job*>& batch, bool& running) {
  std::vector<Hint> hints;
  bool releases = false, outdated = false;
  database_->begin_write(std::ranges::any_of(batch, &Job::durable));
  if (database_->changed_by_others()) rows_.clear();
  if (!database_->failed()) {
    Transaction transaction(*database_, options_, number_, rows_);
    run(batch, transaction);
    running = !database_->commit();
    hints = transaction.hints();
    releases = transaction.has_releases();
    outdated = transaction.rows_outdated();
  }
  std::optional<StoreError> error;
  if (database_->failed()) {
    error = database_->take_error();
    database_->rollback();
    outdated = true;
  }
  if (outdated)
    rows_.clear();
  else
    rows_.settle();
  place_->unlock();
  if (error) return error;
  if (!hints.empty()) hub_->publish(number_, hints);
  if (releases && on_releases_) on_releases_();
  return std::nullopt;
}

Shard::Reader Shard::reader() {
  for (;;) {
    std::unique_ptr<Database> database;
    {
      const std::lock_guard lock(mutex_);
      if (idle_readers_.empty()) break;
      database = std::move(idle_readers_.back());
      idle_readers_.pop_back();
    }
    if (database->usable()) return {*this, std::move(database)};
  }
  return {*this, place_->reader()};
}

Shard::Reader::~Reader() {
  if (!database_ || *database_ == nullptr || (*database_)->failed()) return;
  const std::lock_guard lock(shard_.mutex_);
  if (shard_.idle_readers_.size() < kMaxIdleReaders) shard_.idle_readers_.push_back(std::move(*database_));
}

Shard::Stats Shard::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace quartet::store
