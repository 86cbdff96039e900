// One SQLite connection and its prepared statements, with the errors latched: after the first failure of an operation
// every further step fails too, so that a sequence of steps is checked once, at its end. One thread at a time.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/store/types.h"

struct sqlite3;
struct sqlite3_stmt;

namespace quartet::store {

class Database;

/// A prepared statement in use; reset when it goes out of scope. Parameters are bound in order.
class Statement {
 public:
  Statement(Database& database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(std::int64_t value);
  Statement& bind(std::uint64_t value) { return bind(static_cast<std::int64_t>(value)); }
  Statement& bind(std::uint32_t value) { return bind(static_cast<std::int64_t>(value)); }
  Statement& bind(int value) { return bind(static_cast<std::int64_t>(value)); }
  /// The text must stay as it is until the last step().
  Statement& bind(std::string_view text);
  Statement& bind(const char* text) { return bind(std::string_view(text)); }
  Statement& bind_blob(std::string_view bytes);
  Statement& bind_null();

  /// True when there is a row. False at the end and on an error, which the database keeps.
  bool step();
  /// For statements without rows; true if it went well.
  bool run();
  /// Makes it ready for other parameters.
  Statement& again();

  std::int64_t integer(int column) const;
  std::uint64_t number(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  std::uint32_t number32(int column) const { return static_cast<std::uint32_t>(integer(column)); }
  bool is_null(int column) const;
  /// Valid until the next step().
  std::string_view bytes(int column) const;
  std::string text(int column) const { return std::string(bytes(column)); }

 private:
  Database& database_;
  sqlite3_stmt* statement_;
  int bound_ = 0;
};

class Database {
 public:
  struct Settings {
    bool read_only = false;
    std::int64_t cache_kib = 512;
    std::int64_t busy_ms = 10'000;
  };
  /// Opens, and sets what every connection needs (WAL, synchronous=FULL, page size of a new file).
  static std::expected<std::unique_ptr<Database>, StoreError> open(const std::string& path, const Settings& settings);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Prepared once per connection; `sql` must be a literal, its address is the key.
  Statement prepare(const char* sql);

  /// Statements without parameters and rows, several allowed.
  bool execute(const char* sql);

  std::int64_t last_insert_id() const;
  std::int64_t changed_rows() const;

  bool failed() const { return error_.has_value(); }
  const StoreError& error() const { return *error_; }
  /// Forgets the error and gives it.
  StoreError take_error();
  void fail(StoreError error);

 private:
  friend class Statement;
  explicit Database(sqlite3* handle) : handle_(handle) {}
  void note(int code);

  sqlite3* handle_;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
  std::optional<StoreError> error_;
};

/// A read transaction: all reads in its scope see one state. Keep it short.
class ReadTransaction {
 public:
  explicit ReadTransaction(Database& database) : database_(database) { database_.execute("BEGIN"); }
  ~ReadTransaction();
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;

 private:
  Database& database_;
};

}  // namespace quartet::store
