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
#include "common/store/postgres_pool.h"

namespace quartet::store {

class PostgresBodies final : public Bodies {
 public:
  /// `shards`: in whose tables the rows are.
  PostgresBodies(PostgresServer server, std::size_t shards);
  ~PostgresBodies() override;  // what is queued is written first

  Result<std::string> read(const journal::Location& location, std::uint64_t size) const override;
  Result<std::shared_ptr<const OpenBody>> open(const journal::Location& location, std::uint64_t size) const override;

  bool settled(journal::SegmentId) const override { return true; }
  void remove_file(std::uint64_t file) override;
  /// Only those that no shard names.
  std::vector<std::uint64_t> old_files(std::chrono::seconds age) const override;

 private:
  class OpenRow;
  /// One call of write(), until its bodies have ids.
  struct Call {
    std::vector<Body> bodies;
    Writing* writing;
    std::vector<journal::Location> locations;
  };

  std::uint64_t enter() override { return 0; }
  void leave(std::uint64_t, bool) override {}
  /// What comes while others are written goes in one transaction.
  void write(std::vector<Body> bodies, Writing& writing) override;

  void work();
  Result<void> insert(std::vector<Call>& batch);
  Result<void> attempt(PostgresConnection& connection, std::vector<Call>& batch);
  /// The one row of a question with numbers as parameters. kNoMessage: there is none.
  Result<PostgresResult> find(const std::string& sql, const std::vector<std::uint64_t>& parameters) const;

  const std::size_t shards_;
  mutable PostgresPool pool_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<Call> queue_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace quartet::store
