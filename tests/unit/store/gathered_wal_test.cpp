#include "common/store/gathered_wal.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <random>
#include <string>

#include "common/store/sqlite_database.h"
#include "tests/support/temporary_directory.h"

namespace quartet::store {
namespace {

using Rows = std::map<std::int64_t, std::string>;
using Connection = std::unique_ptr<Database>;

/// With so little memory that a transaction has to write pages before its end, and may change them again.
Connection connect(const std::filesystem::path& path) {
  auto database = SqliteDatabase::open(path.string(), {.read_only = false, .cache_kib = 16, .busy_ms = 1'000});
  REQUIRE(database.has_value());
  return std::move(*database);
}

Rows read_all(Database& database) {
  Rows rows;
  {
    auto query = database.prepare("SELECT id,value FROM item");
    while (query.step()) rows[query.integer(0)] = query.text(1);
  }
  REQUIRE(!database.failed());
  return rows;
}

/// What another process would find after this one was killed.
Rows after_a_crash(const std::filesystem::path& path, const std::filesystem::path& copy) {
  const auto with = [](const std::filesystem::path& file, const char* suffix) { return file.string() + suffix; };
  for (const char* suffix : {"", "-wal"}) {
    std::filesystem::remove(with(copy, suffix));
    if (std::filesystem::exists(with(path, suffix))) std::filesystem::copy_file(with(path, suffix), with(copy, suffix));
  }
  std::filesystem::remove(with(copy, "-shm"));
  const auto database = connect(copy);
  {
    auto check = database->prepare("PRAGMA integrity_check");
    REQUIRE(check.step());
    CHECK(check.text(0) == "ok");
  }
  return read_all(*database);
}

class Writer {
 public:
  explicit Writer(unsigned seed) : random_(seed) {}

  int below(int limit) { return std::uniform_int_distribution(0, limit - 1)(random_); }

  /// One transaction of up to `changes`, at times given up; `rows` is then what is committed.
  void write(Database& database, Rows& rows, int changes) {
    Rows changed = rows;
    database.begin_write(below(2) == 0);
    for (int n = below(changes) + 1; n > 0; --n) change(database, changed);
    if (below(6) == 0) return database.rollback();
    CHECK(database.commit());
    REQUIRE(!database.failed());
    rows = std::move(changed);
  }

 private:
  void change(Database& database, Rows& rows) {
    const std::int64_t id = below(300);
    if (below(4) == 0) {
      database.prepare("DELETE FROM item WHERE id=?").bind(id).run();
      rows.erase(id);
      return;
    }
    const auto value = std::string(static_cast<std::size_t>(below(3'000)), static_cast<char>('a' + below(26)));
    database.prepare("INSERT OR REPLACE INTO item(id,value) VALUES(?,?)").bind(id).bind(value).run();
    rows[id] = value;
  }

  std::mt19937 random_;
};

TEST_CASE("what is committed is in the log for other connections and after a crash", "[gathered_wal]") {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "index.db";
  const auto first = connect(path);
  const auto second = connect(path);
  const auto reader = connect(path);
  REQUIRE(first->execute("CREATE TABLE item(id INTEGER PRIMARY KEY,value BLOB)"));
  Writer writer(GENERATE(1u, 2u, 3u));
  Rows rows;
  for (int n = 0; n < 150; ++n) {
    writer.write(writer.below(4) == 0 ? *second : *first, rows, writer.below(3) == 0 ? 600 : 6);
    REQUIRE(read_all(*reader) == rows);
    if (n % 10 == 0) REQUIRE(after_a_crash(path, directory.path() / "copy.db") == rows);
    // Begins the log anew, for whoever writes next.
    if (writer.below(8) == 0) REQUIRE(second->execute("PRAGMA wal_checkpoint(RESTART)"));
    if (writer.below(20) == 0) REQUIRE(first->execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  }
}

TEST_CASE("a connection that ends in the middle of a transaction leaves nothing of it", "[gathered_wal]") {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "index.db";
  const auto stays = connect(path);
  REQUIRE(stays->execute("CREATE TABLE item(id INTEGER PRIMARY KEY,value BLOB)"));
  {
    const auto goes = connect(path);
    goes->begin_write();
    for (std::int64_t id = 0; id < 100; ++id)
      goes->prepare("INSERT INTO item(id,value) VALUES(?,?)").bind(id).bind(std::string(2'000, 'x')).run();
  }
  CHECK(read_all(*stays).empty());
  Rows rows;
  Writer(4).write(*stays, rows, 10);
  CHECK(read_all(*connect(path)) == rows);
}

}  // namespace
}  // namespace quartet::store
