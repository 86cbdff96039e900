#include "common/store/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "common/base/check.h"

namespace quartet::store {
namespace {

ErrorCode classify(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorCode::kBusy;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
      return ErrorCode::kCorrupt;
    default:
      return ErrorCode::kIo;
  }
}

}  // namespace

Statement::~Statement() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  // Bindings may point into memory of the caller; and a reset statement holds no read transaction open.
  sqlite3_clear_bindings(statement_);
}

Statement& Statement::bind(std::int64_t value) {
  if (statement_ != nullptr) database_.note(sqlite3_bind_int64(statement_, ++bound_, value));
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  if (statement_ != nullptr)
    database_.note(sqlite3_bind_text64(statement_, ++bound_, text.data() == nullptr ? "" : text.data(), text.size(),
                                       SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_blob(std::string_view bytes) {
  if (statement_ != nullptr)
    database_.note(sqlite3_bind_blob64(statement_, ++bound_, bytes.data() == nullptr ? "" : bytes.data(), bytes.size(),
                                       SQLITE_STATIC));
  return *this;
}

Statement& Statement::bind_null() {
  if (statement_ != nullptr) database_.note(sqlite3_bind_null(statement_, ++bound_));
  return *this;
}

bool Statement::step() {
  if (statement_ == nullptr || database_.failed()) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.note(code);
  return false;
}

bool Statement::run() {
  while (step()) {
  }
  return !database_.failed();
}

Statement& Statement::again() {
  if (statement_ != nullptr) sqlite3_reset(statement_);
  bound_ = 0;
  return *this;
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }

bool Statement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

std::string_view Statement::bytes(int column) const {
  const void* const data = sqlite3_column_blob(statement_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return data == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(data), size);
}

std::expected<std::unique_ptr<Database>, StoreError> Database::open(const std::string& path, const Settings& settings) {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<Database> database(new Database(handle));
  if (code != SQLITE_OK)
    return std::unexpected(StoreError{
        classify(code), fmt::format("{}: {}", path, handle == nullptr ? "out of memory" : sqlite3_errmsg(handle))});
  sqlite3_extended_result_codes(handle, 1);
  // A checkpoint writes each page once, however often it was changed since the last: seldom is cheaper. 32 MiB a shard.
  const auto setup = fmt::format(
      "PRAGMA busy_timeout={};PRAGMA page_size=4096;PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
      "PRAGMA wal_autocheckpoint=8192;"
      "PRAGMA cache_size=-{};PRAGMA temp_store=MEMORY;PRAGMA journal_size_limit=67108864;PRAGMA query_only={}",
      settings.busy_ms, settings.cache_kib, settings.read_only ? 1 : 0);
  if (!database->execute(setup.c_str())) {
    auto error = database->take_error();
    error.detail = path + ": " + error.detail;
    return std::unexpected(std::move(error));
  }
  return database;
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close_v2(handle_);
}

Statement Database::prepare(const char* sql) {
  auto& statement = statements_[sql];
  if (statement == nullptr && !failed())
    note(sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
  return Statement(*this, statement);
}

bool Database::execute(const char* sql) {
  if (failed()) return false;
  note(sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr));
  return !failed();
}

std::int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }

std::int64_t Database::changed_rows() const { return sqlite3_changes64(handle_); }

StoreError Database::take_error() {
  QUARTET_CHECK(error_.has_value());
  StoreError error = std::move(*error_);
  error_.reset();
  return error;
}

void Database::fail(StoreError error) {
  if (!error_) error_ = std::move(error);
}

void Database::note(int code) {
  if (code == SQLITE_OK || error_) return;
  error_ = StoreError{classify(code), fmt::format("{} ({})", sqlite3_errmsg(handle_), code)};
}

ReadTransaction::~ReadTransaction() {
  // COMMIT must run even after a failed read, or the WAL would be pinned.
  std::optional<StoreError> error;
  if (database_.failed()) error = database_.take_error();
  database_.execute("COMMIT");
  if (database_.failed()) {
    auto second = database_.take_error();
    if (!error) error = std::move(second);
  }
  if (error) database_.fail(std::move(*error));
}

}  // namespace quartet::store
