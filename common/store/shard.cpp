#include "common/store/shard.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/log/log.h"
#include "common/metrics/metrics.h"
#include "common/store/schema.h"

namespace quartet::store {
namespace {

// Enough to amortize the sync, few enough that the first of a batch does not wait long for the last.
constexpr std::size_t kMaxBatch = 256;
constexpr std::size_t kMaxIdleReaders = 8;
constexpr std::int64_t kWriterCacheKib = 4'096;
constexpr std::int64_t kReaderCacheKib = 512;

}  // namespace

Shard::Shard(std::string path, std::uint32_t number, const Options& options, std::shared_ptr<Hub> hub)
    : path_(std::move(path)), number_(number), options_(options), hub_(std::move(hub)) {}

std::expected<std::unique_ptr<Shard>, StoreError> Shard::open(const std::string& path, std::uint32_t number,
                                                              const Options& options, std::shared_ptr<Hub> hub) {
  std::unique_ptr<Shard> shard(new Shard(path, number, options, std::move(hub)));
  auto database =
      Database::open(path, {.read_only = false, .cache_kib = kWriterCacheKib, .busy_ms = options.busy_timeout.count()});
  if (!database) return std::unexpected(std::move(database.error()));
  shard->database_ = std::move(*database);
  const auto prepared = prepare_schema(*shard->database_);
  if (!prepared) return std::unexpected(StoreError{prepared.error().code, path + ": " + prepared.error().detail});
  shard->lock_fd_ = ::open((path + "-lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660);
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
  if (lock_fd_ >= 0) ::close(lock_fd_);
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
  for (;;) {
    std::vector<Job*> batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
    }
    // Others of this process may join the batch while another process commits.
    lock_file();
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

// The kernel's queue on a file lock, not SQLite's sleeping busy handler, orders the writers of several processes: a
// waiter goes on as soon as the other's commit is through. SQLite's own lock remains what makes it safe.
void Shard::lock_file() {
  while (lock_fd_ >= 0 && ::flock(lock_fd_, LOCK_EX) != 0 && errno == EINTR) {
  }
}

void Shard::unlock_file() {
  if (lock_fd_ >= 0) (void)::flock(lock_fd_, LOCK_UN);
}

void Shard::commit(std::vector<Job*> batch) {
  static auto& committed = metrics::counter("quartet_store_operations_total", "operations committed to the index");
  static auto& failures = metrics::counter("quartet_store_failures_total", "operations that failed at the database");
  bool running = false;
  auto error = attempt(batch, running);
  if (error && running && batch.size() > 1) {
    // One of them met a fault (a damaged row, a full disk): give each its own transaction, so that it fails alone.
    for (Job* const job : batch) {
      lock_file();
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

// A commit in the log that was not synced is made durable by the next one that is: both go to disk in their order.
void Shard::set_durable(bool durable) {
  if (durable == durable_) return;
  if (database_->execute(durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL")) durable_ = durable;
}

std::optional<StoreError> Shard::attempt(const std::vector<Job*>& batch, bool& running) {
  std::vector<Hint> hints;
  bool releases = false;
  set_durable(std::ranges::any_of(batch, &Job::durable));
  database_->execute("BEGIN IMMEDIATE");
  if (!database_->failed()) {
    Transaction transaction(*database_, options_, number_);
    running = true;
    for (Job* const job : batch) {
      job->run(transaction);
      if (database_->failed()) break;
    }
    transaction.flush();
    running = database_->failed();
    database_->execute("COMMIT");
    hints = transaction.hints();
    releases = transaction.has_releases();
  }
  std::optional<StoreError> error;
  if (database_->failed()) {
    error = database_->take_error();
    database_->execute("ROLLBACK");
    // After some faults SQLite has rolled back by itself and this fails; that is no further news.
    if (database_->failed()) (void)database_->take_error();
  }
  unlock_file();
  if (error) return error;
  if (!hints.empty()) hub_->publish(number_, hints);
  if (releases && on_releases_) on_releases_();
  return std::nullopt;
}

Shard::Reader Shard::reader() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_readers_.empty()) {
      auto database = std::move(idle_readers_.back());
      idle_readers_.pop_back();
      return {*this, std::move(database)};
    }
  }
  return {*this,
          Database::open(path_,
                         {.read_only = true, .cache_kib = kReaderCacheKib, .busy_ms = options_.busy_timeout.count()})};
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
