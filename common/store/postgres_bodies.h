// Bodies in a table of PostgreSQL, each a row of its own.
#pragma once
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/store/bodies.h"
#include "common/store/postgres_connection.h"

namespace quartet::store {

class PostgresBodies final : public Bodies {
 public:
  /// `shards`: in whose tables the rows are. `wait_ms`: how long a server that is away is waited for.
  PostgresBodies(std::string conninfo, std::size_t shards, std::int64_t wait_ms);
  ~PostgresBodies() override;  // what is queued is written first

  /// What comes while others are written goes in one transaction.
  async::Task<Result<std::vector<journal::Location>>> write(std::vector<Body> bodies) override;
  Result<std::string> read(const journal::Location& location, std::uint64_t size) const override;

  bool settled(journal::SegmentId) const override { return true; }
  void remove_file(std::uint64_t file) override;
  /// Only those that no shard names.
  std::vector<std::uint64_t> old_files(std::chrono::seconds age) const override;

 private:
  struct Writing;

  std::uint64_t enter() override { return 0; }
  void leave(std::uint64_t) override {}

  void work();
  Result<void> insert(const std::vector<Writing*>& batch);
  Result<void> attempt(PostgresConnection& connection, const std::vector<Writing*>& batch);
  /// One that is not in use; give() takes it back.
  Result<std::unique_ptr<PostgresConnection>> take() const;
  void give(std::unique_ptr<PostgresConnection> connection) const;

  const std::string conninfo_;
  const std::size_t shards_;
  const std::int64_t wait_ms_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<Writing*> queue_;
  bool closing_ = false;
  mutable std::vector<std::unique_ptr<PostgresConnection>> idle_;
  std::thread thread_;
};

}  // namespace quartet::store
