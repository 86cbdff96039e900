#include "common/store/postgres_pool.h"

#include <libpq-fe.h>

#include <utility>

namespace quartet::store {
namespace {

constexpr std::size_t kMaxIdle = 8;
constexpr int kBinary = 1;

}  // namespace

Result<std::unique_ptr<PostgresConnection>> PostgresPool::take() {
  for (;;) {
    std::unique_ptr<PostgresConnection> connection;
    {
      const std::lock_guard lock(mutex_);
      if (idle_.empty()) break;
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
    if (connection->alive()) return connection;
  }
  return PostgresConnection::open(server_, kCommonSchema);
}

void PostgresPool::give(std::unique_ptr<PostgresConnection> connection) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kMaxIdle) idle_.push_back(std::move(connection));
}

Result<PostgresResult> PostgresPool::ask(const std::string& sql, const std::vector<std::string>& parameters) {
  std::vector<const char*> values;
  for (const auto& parameter : parameters) values.push_back(parameter.c_str());
  auto connection = take();
  if (!connection) return std::unexpected(std::move(connection.error()));
  PostgresResult result(PQexecParams((*connection)->get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                                     values.data(), nullptr, nullptr, kBinary));
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
    return std::unexpected((*connection)->error_of(result.get()));
  give(std::move(*connection));
  return result;
}

}  // namespace quartet::store
