#include "common/store/sqlite_database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

#include "common/store/gathered_wal.h"

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

/// What an INSERT ends in that gives its id. SQLite keeps the rows of RETURNING in a table of their own until all are
/// made; the connection knows the last id as well.
constexpr std::string_view kReturningId = " RETURNING id";

/// SQLite takes a null pointer for NULL.
const char* pointer(std::string_view text) { return text.data() == nullptr ? "" : text.data(); }

}  // namespace

class SqliteDatabase::Prepared final : public Cursor {
 public:
  Prepared(SqliteDatabase& database, sqlite3_stmt* statement, bool gives_id)
      : database_(database), statement_(statement), gives_id_(gives_id) {}
  ~Prepared() override { sqlite3_finalize(statement_); }

  void bind(int parameter, std::int64_t value) override {
    database_.note(sqlite3_bind_int64(statement_, parameter, value));
  }
  void bind_text(int parameter, std::string_view text) override {
    database_.note(sqlite3_bind_text64(statement_, parameter, pointer(text), text.size(), SQLITE_STATIC, SQLITE_UTF8));
  }
  void bind_blob(int parameter, std::string_view bytes) override {
    database_.note(sqlite3_bind_blob64(statement_, parameter, pointer(bytes), bytes.size(), SQLITE_STATIC));
  }
  void bind_null(int parameter) override { database_.note(sqlite3_bind_null(statement_, parameter)); }

  bool step() override {
    if (given_) return false;  // another step would carry it out again
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) database_.note(code);
    given_ = gives_id_ && code == SQLITE_DONE;
    return given_;
  }
  void run() override {
    while (step()) {
    }
  }
  void reset() override {
    sqlite3_reset(statement_);
    given_ = false;
  }
  void release() override {
    reset();
    sqlite3_clear_bindings(statement_);
  }

  std::int64_t integer(int column) const override {
    return gives_id_ ? sqlite3_last_insert_rowid(database_.handle_) : sqlite3_column_int64(statement_, column);
  }
  bool is_null(int column) const override { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  std::string_view bytes(int column) const override {
    const void* const data = sqlite3_column_blob(statement_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return data == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(data), size);
  }

 private:
  SqliteDatabase& database_;
  sqlite3_stmt* const statement_;
  const bool gives_id_;  // in place of a row
  bool given_ = false;
};

SqliteDatabase::SqliteDatabase(sqlite3* handle) : handle_(handle) {}

SqliteDatabase::~SqliteDatabase() {
  statements_.clear();
  sqlite3_close_v2(handle_);
}

std::expected<std::unique_ptr<Database>, StoreError> SqliteDatabase::open(const std::string& path,
                                                                          const Settings& settings) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, gathered_wal());
  std::unique_ptr<Database> database(new SqliteDatabase(handle));
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

Cursor* SqliteDatabase::cursor(const char* sql) {
  auto& prepared = statements_[sql];
  if (prepared == nullptr) {
    std::string_view text = sql;
    const bool gives_id = text.starts_with("INSERT ") && text.ends_with(kReturningId);
    if (gives_id) text.remove_suffix(kReturningId.size());
    sqlite3_stmt* statement = nullptr;
    note(sqlite3_prepare_v3(handle_, text.data(), static_cast<int>(text.size()), SQLITE_PREPARE_PERSISTENT, &statement,
                            nullptr));
    if (statement != nullptr) prepared = std::make_unique<Prepared>(*this, statement, gives_id);
  }
  return prepared.get();
}

bool SqliteDatabase::execute(const char* sql) {
  if (failed()) return false;
  note(sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr));
  return !failed();
}

std::int64_t SqliteDatabase::changed_rows() { return sqlite3_changes64(handle_); }

// A commit in the log that was not synced is made durable by the next one that is: both go to disk in their order.
void SqliteDatabase::begin_write(bool durable) {
  if (durable != durable_ && execute(durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"))
    durable_ = durable;
  prepare("BEGIN IMMEDIATE").run();
}

bool SqliteDatabase::changed_by_others() {
  auto query = prepare("PRAGMA data_version");
  const auto version = query.step() ? query.integer(0) : 0;
  return std::exchange(version_, version) != version || version == 0;
}

bool SqliteDatabase::commit() {
  if (failed()) return false;
  prepare("COMMIT").run();
  return true;
}

void SqliteDatabase::rollback() {
  // After some faults SQLite has rolled back by itself and this fails; that is no further news.
  sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void SqliteDatabase::note(int code) {
  if (code == SQLITE_OK || failed()) return;
  fail(StoreError{classify(code), fmt::format("{} ({})", sqlite3_errmsg(handle_), code)});
}

}  // namespace quartet::store
