// A connection to one SQLite file.
#pragma once
#include <memory>
#include <string>
#include <unordered_map>

#include "common/store/database.h"

struct sqlite3;

namespace quartet::store {

class SqliteDatabase final : public Database {
 public:
  struct Settings {
    bool read_only = false;
    std::int64_t cache_kib = 512;
    std::int64_t busy_ms = 10'000;
  };
  /// Opens, and sets what every connection needs (WAL, synchronous=FULL, page size of a new file).
  static std::expected<std::unique_ptr<Database>, StoreError> open(const std::string& path, const Settings& settings);
  ~SqliteDatabase() override;

  bool execute(const char* sql) override;
  std::int64_t changed_rows() override;
  void begin_write(bool durable) override;
  bool changed_by_others() override;
  bool commit() override;
  void rollback() override;
  void begin_read() override { prepare("BEGIN").run(); }
  void end_read() override { prepare("COMMIT").run(); }
  /// Who holds the lock was waited for already.
  bool recover(const StoreError&) override { return false; }
  bool usable() override { return true; }

 private:
  class Prepared;

  explicit SqliteDatabase(sqlite3* handle);
  Cursor* cursor(const char* sql) override;
  void note(int code);

  sqlite3* handle_;
  std::unordered_map<const char*, std::unique_ptr<Prepared>> statements_;
  bool durable_ = true;
  std::int64_t version_ = 0;  // grows when others have changed the file
};

}  // namespace quartet::store
