// A connection to a PostgreSQL server, and what its errors mean to us.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "common/store/patience.h"
#include "common/store/types.h"

struct pg_conn;
struct pg_result;

namespace quartet::store {

struct PostgresResultDeleter {
  void operator()(pg_result* result) const;
};
using PostgresResult = std::unique_ptr<pg_result, PostgresResultDeleter>;

struct PostgresServer {
  std::string conninfo;                // as libpq takes it ("host=db1 dbname=quartet user=quartet")
  std::int64_t wait_ms = 0;            // for a lock, and for a server that is away
  std::shared_ptr<Patience> patience;  // null: it is waited for without an end
};

class PostgresConnection {
 public:
  /// `schema` is looked into first. kClosed: the server is not waited for any more.
  static Result<std::unique_ptr<PostgresConnection>> open(const PostgresServer& server, const std::string& schema);
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
  PostgresConnection(const PostgresServer& server, pg_conn* connection);
  pg_conn* const connection_;
  const std::shared_ptr<Patience> patience_;
  const int place_;  // in it
};

/// "quartet_3": the schema of a shard.
std::string shard_schema(std::size_t number);
inline constexpr const char* kCommonSchema = "quartet";

}  // namespace quartet::store
