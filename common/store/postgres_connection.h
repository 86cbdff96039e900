// A connection to a PostgreSQL server, and what its errors mean to us.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "common/store/types.h"

struct pg_conn;
struct pg_result;

namespace quartet::store {

struct PostgresResultDeleter {
  void operator()(pg_result* result) const;
};
using PostgresResult = std::unique_ptr<pg_result, PostgresResultDeleter>;

class PostgresConnection {
 public:
  /// `conninfo` as libpq takes it ("host=db1 dbname=quartet user=quartet"); `schema` is looked into first. `wait_ms` is
  /// how long a lock is waited for.
  static Result<std::unique_ptr<PostgresConnection>> open(const std::string& conninfo, const std::string& schema,
                                                          std::int64_t wait_ms);
  ~PostgresConnection();
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  pg_conn* get() const { return connection_; }
  /// Several statements without rows.
  Result<void> execute(const char* sql);
  /// Whether the server is still there, as far as is known without asking it.
  bool alive();
  /// Of a result that is no success; null: of the connection. kBusy: the same may succeed later.
  StoreError error_of(const pg_result* result) const;

 private:
  explicit PostgresConnection(pg_conn* connection) : connection_(connection) {}
  pg_conn* connection_;
};

/// "quartet_3": the schema of a shard.
std::string shard_schema(std::size_t number);
inline constexpr const char* kCommonSchema = "quartet";

}  // namespace quartet::store
