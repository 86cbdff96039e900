#include "common/store/postgres_connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

namespace quartet::store {
namespace {

/// By the class of the SQLSTATE (PostgreSQL, appendix A): connections that failed, transactions that others undid or
/// that waited too long, servers that stop or start.
bool is_passing(std::string_view state) {
  return state.empty() || state.starts_with("08") || state.starts_with("40") || state.starts_with("57P0") ||
         state == "55P03" || state == "57014" || state == "25P03" || state == "53300";
}

ErrorCode classify(std::string_view state) {
  if (is_passing(state)) return ErrorCode::kBusy;
  // Integrity, data, and no such table.
  if (state.starts_with("23") || state.starts_with("22") || state.starts_with("XX") || state.starts_with("42"))
    return ErrorCode::kCorrupt;
  return ErrorCode::kIo;
}

std::string on_one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != '\n' && c != '\r') {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

/// Notices of the server, such as of what is there already.
void pass_over(void*, const char*) {}

}  // namespace

void PostgresResultDeleter::operator()(pg_result* result) const { PQclear(result); }

std::string shard_schema(std::size_t number) { return fmt::format("quartet_{}", number); }

Result<std::unique_ptr<PostgresConnection>> PostgresConnection::open(const PostgresServer& server,
                                                                     const std::string& schema) {
  if (server.patience && server.patience->is_over())
    return std::unexpected(StoreError{ErrorCode::kClosed, "the server is not waited for any more"});
  // A server that is gone without a word is noticed within half a minute, on both sides.
  const char* const keys[] = {"connect_timeout",  "keepalives_idle",  "keepalives_interval",
                              "keepalives_count", "tcp_user_timeout", "application_name",
                              "client_encoding",  "dbname",           nullptr};
  const char* const values[] = {"10", "10", "5", "3", "30000", "quartet", "UTF8", server.conninfo.c_str(), nullptr};
  std::unique_ptr<PostgresConnection> connection(new PostgresConnection(server, PQconnectdbParams(keys, values, 1)));
  if (PQstatus(connection->get()) != CONNECTION_OK) return std::unexpected(connection->error_of(nullptr));
  PQsetNoticeProcessor(connection->get(), pass_over, nullptr);
  const auto setup = fmt::format(
      "SET search_path={};SET lock_timeout={};SET idle_in_transaction_session_timeout=60000;"
      "SET default_transaction_isolation='read committed'",
      schema, server.wait_ms);
  if (auto done = connection->execute(setup.c_str()); !done) return std::unexpected(done.error());
  return connection;
}

PostgresConnection::PostgresConnection(const PostgresServer& server, pg_conn* connection)
    : connection_(connection),
      patience_(server.patience),
      place_(patience_ && PQsocket(connection) >= 0 ? patience_->enter(PQsocket(connection)) : -1) {}

PostgresConnection::~PostgresConnection() {
  if (patience_) patience_->leave(place_);
  PQfinish(connection_);
}

Result<void> PostgresConnection::execute(const char* sql) {
  const PostgresResult result(PQexec(connection_, sql));
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
    return std::unexpected(error_of(result.get()));
  return {};
}

bool PostgresConnection::alive() {
  if (PQstatus(connection_) != CONNECTION_OK) return false;
  // A server that stops says so, or closes: between statements it has nothing else to say.
  pollfd fd{PQsocket(connection_), POLLIN, 0};
  return ::poll(&fd, 1, 0) == 0;
}

StoreError PostgresConnection::error_of(const pg_result* result) const {
  const char* const state = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const bool lost = PQstatus(connection_) != CONNECTION_OK;
  const char* const text = result == nullptr || *PQresultErrorMessage(result) == '\0' ? PQerrorMessage(connection_)
                                                                                      : PQresultErrorMessage(result);
  return {lost ? ErrorCode::kBusy : classify(state == nullptr ? std::string_view() : state), on_one_line(text)};
}

}  // namespace quartet::store
