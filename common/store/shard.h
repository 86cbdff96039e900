// Shard: one database of the index, its writer thread and its read connections.
#pragma once
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "common/async/thread_pool.h"
#include "common/async/wait.h"
#include "common/store/database.h"
#include "common/store/shard_place.h"
#include "common/store/transaction.h"

namespace quartet::store {

/// One operation of a batch.
class Job {
 public:
  virtual ~Job() = default;
  /// May be called again after a batch was undone: start from nothing each time.
  virtual void run(Transaction& transaction) = 0;
  /// Before the commit: waits for what has to be durable first. An error undoes what run() did.
  virtual std::optional<StoreError> settle() { return std::nullopt; }
  /// Once, after the commit (null) or when it failed. The job may be gone when it returns.
  virtual void finish(const StoreError* error) = 0;
  /// False: a power cut may undo it, although it has been committed; then no sync is made for it alone.
  virtual bool durable() const { return true; }
};

class Shard {
 public:
  struct Stats {
    std::uint64_t batches = 0;
    std::uint64_t jobs = 0;
  };

  static std::expected<std::unique_ptr<Shard>, StoreError> open(std::unique_ptr<ShardPlace> place, std::uint32_t number,
                                                                const Options& options, std::shared_ptr<Hub> hub);
  ~Shard();  // finishes what is queued

  std::uint32_t number() const { return number_; }

  /// From any thread. What waits is committed in one transaction, in order.
  void submit(Job& job);

  /// A connection for the calling thread; waits for none, opens another when all are in use.
  class Reader {
   public:
    Reader(Shard& shard, std::expected<std::unique_ptr<Database>, StoreError> database)
        : shard_(shard), database_(std::move(database)) {}
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    bool ok() const { return database_.has_value(); }
    const StoreError& error() const { return database_.error(); }
    Database& operator*() { return **database_; }

   private:
    Shard& shard_;
    std::expected<std::unique_ptr<Database>, StoreError> database_;
  };
  Reader reader();
  /// A new connection for the index of texts. Any thread.
  Result<std::unique_ptr<Database>> texts() { return place_->texts(); }

  /// Called after a commit that left bytes or messages to release.
  void on_releases(std::function<void()> callback) { on_releases_ = std::move(callback); }
  Stats stats() const;

 private:
  Shard(std::unique_ptr<ShardPlace> place, std::uint32_t number, const Options& options, std::shared_ptr<Hub> hub);
  void work();
  void commit(std::vector<Job*> batch);
  /// The error if the batch was undone; `running` then tells whether an operation failed, not the commit.
  std::optional<StoreError> attempt(const std::vector<Job*>& batch, bool& running);
  void run(const std::vector<Job*>& batch, Transaction& transaction);

  const std::unique_ptr<ShardPlace> place_;
  const std::uint32_t number_;
  const Options& options_;
  const std::shared_ptr<Hub> hub_;
  std::unique_ptr<Database> database_;  // the writer's
  RowCache rows_;                       // of it
  std::function<void()> on_releases_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<Job*> queue_;
  bool closing_ = false;
  std::vector<std::unique_ptr<Database>> idle_readers_;
  Stats stats_;
  std::thread thread_;
};

namespace detail {

template <typename F, typename T>
class CallJob final : public Job {
 public:
  explicit CallJob(F& function, bool durable) : function_(function), durable_(durable) {}
  bool durable() const override { return durable_; }
  void run(Transaction& transaction) override { result_.emplace(function_(transaction)); }
  void finish(const StoreError* error) override {
    if (error != nullptr) result_.emplace(std::unexpected(*error));
    auto completion = std::move(*completion_);
    completion(true);
  }
  void wait_with(async::Completion<bool> completion) { completion_.emplace(std::move(completion)); }
  Result<T> take() { return std::move(*result_); }

 private:
  F& function_;
  const bool durable_;
  std::optional<Result<T>> result_;
  std::optional<async::Completion<bool>> completion_;
};

}  // namespace detail

/// Runs `function(Transaction&) -> Result<T>` on the shard's writer thread; resumes when its changes are on disk. It
/// may run more than once, and must not change anything before it knows that it will not return an error. `durable` as
/// in Job.
template <typename T, typename F>
async::Task<Result<T>> write_to(Shard& shard, F function, bool durable = true) {
  detail::CallJob<F, T> job(function, durable);
  co_await async::from_callback<bool>([&](async::Completion<bool> completion) {
    job.wait_with(std::move(completion));
    shard.submit(job);
  });
  co_return job.take();
}

/// Runs `function(Database&) -> Result<T>` inside one read transaction, on this thread, which may block.
template <typename T, typename F>
Result<T> read_here(Shard& shard, F& function) {
  auto reader = shard.reader();
  if (!reader.ok()) return std::unexpected(reader.error());
  auto result = [&]() -> Result<T> {
    const ReadTransaction transaction(*reader);
    return function(*reader);
  }();
  if ((*reader).failed()) return std::unexpected((*reader).take_error());
  return result;
}

/// As read_here(), in the pool.
template <typename T, typename F>
async::Task<Result<T>> read_from(async::ThreadPool& pool, Shard& shard, F function) {
  std::optional<Result<T>> result;
  co_await async::offload(pool, [&] { result.emplace(read_here<T>(shard, function)); });
  co_return std::move(*result);
}

}  // namespace quartet::store
