// PostgresPool: connections to one server for statements that need no transaction. Any thread.
#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/store/postgres_connection.h"

namespace quartet::store {

class PostgresPool {
 public:
  explicit PostgresPool(PostgresServer server) : server_(std::move(server)) {}

  const PostgresServer& server() const { return server_; }
  /// One that is not in use; give() takes it back.
  Result<std::unique_ptr<PostgresConnection>> take();
  void give(std::unique_ptr<PostgresConnection> connection);
  /// A statement in the schema that all shards share. Rows come in binary form.
  Result<PostgresResult> ask(const std::string& sql, const std::vector<std::string>& parameters);

 private:
  const PostgresServer server_;
  std::mutex mutex_;  // guards what follows
  std::vector<std::unique_ptr<PostgresConnection>> idle_;
};

}  // namespace quartet::store
