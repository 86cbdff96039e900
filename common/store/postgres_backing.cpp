#include <fmt/format.h>
#include <libpq-fe.h>

#include <filesystem>

#include "common/base/ascii.h"
#include "common/store/backing.h"
#include "common/store/postgres_bodies.h"
#include "common/store/postgres_database.h"
#include "common/store/postgres_sql.h"

namespace quartet::store {
namespace {

constexpr int kVersion = 1;
constexpr std::size_t kUsualShards = 4, kMostShards = 64;

StoreError with_name(StoreError error) {
  error.detail = "PostgreSQL: " + error.detail;
  return error;
}

class PostgresShard final : public ShardPlace {
 public:
  PostgresShard(PostgresServer server, std::size_t number)
      : server_(std::move(server)), schema_(shard_schema(number)) {}

  std::string name() const override { return "PostgreSQL schema " + schema_; }
  Result<std::unique_ptr<Database>> writer() override { return open(); }
  Result<std::unique_ptr<Database>> reader() override { return open(); }
  Result<std::unique_ptr<Database>> texts() override { return open(PostgresDatabase::Turn::kNone); }

 private:
  Result<std::unique_ptr<Database>> open(PostgresDatabase::Turn turn = PostgresDatabase::Turn::kWriter) const {
    auto database = PostgresDatabase::open(server_, schema_, turn);
    if (!database) return std::unexpected(with_name(std::move(database.error())));
    return database;
  }

  const PostgresServer server_;
  const std::string schema_;
};

/// One number, of one row; 0 if there is none.
Result<std::int64_t> number(PostgresConnection& connection, const std::string& sql) {
  const PostgresResult result(PQexec(connection.get(), sql.c_str()));
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) return std::unexpected(connection.error_of(result.get()));
  if (PQntuples(result.get()) == 0) return 0;
  return ascii::to_number<std::int64_t>(PQgetvalue(result.get(), 0, 0)).value_or(0);
}

/// All tables, if they are not there; inside a transaction.
Result<std::size_t> prepare_tables(PostgresConnection& connection, std::size_t shards_if_new) {
  std::string text = fmt::format("CREATE SCHEMA IF NOT EXISTS {}", kCommonSchema);
  if (auto done = connection.execute(text.c_str()); !done) return std::unexpected(done.error());
  if (auto done = connection.execute(kPostgresCommonTables); !done) return std::unexpected(done.error());
  text = fmt::format("INSERT INTO store VALUES(1,{},{}) ON CONFLICT DO NOTHING", kVersion, shards_if_new);
  if (auto done = connection.execute(text.c_str()); !done) return std::unexpected(done.error());
  const auto version = number(connection, "SELECT version FROM store"),
             shards = number(connection, "SELECT shards FROM store");
  if (!version || !shards) return std::unexpected(version ? shards.error() : version.error());
  if (*version != kVersion)
    return std::unexpected(StoreError{ErrorCode::kUnsupported,
                                      fmt::format("the store has schema version {}, this is {}", *version, kVersion)});
  for (std::int64_t n = 0; n < *shards; ++n) {
    const auto schema = shard_schema(static_cast<std::size_t>(n));
    text = fmt::format("CREATE SCHEMA IF NOT EXISTS {0};SET LOCAL search_path={0};{1}", schema, kPostgresShardTables);
    if (auto done = connection.execute(text.c_str()); !done) return std::unexpected(done.error());
  }
  return static_cast<std::size_t>(*shards);
}

/// Whether all is there already, as at every start but the first: then nothing is locked.
Result<std::size_t> known_shards(PostgresConnection& connection) {
  const auto there =
      number(connection, fmt::format("SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid=c.relnamespace "
                                     "WHERE n.nspname='{}' AND c.relname='store'",
                                     kCommonSchema));
  if (!there) return std::unexpected(there.error());
  if (*there == 0) return 0;
  const auto shards = number(connection, fmt::format("SELECT shards FROM store WHERE version={}", kVersion));
  if (!shards) return std::unexpected(shards.error());
  // The newest of the tables; a store that is older gets them now.
  const auto tables = number(connection,
                             "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid=c.relnamespace "
                             "WHERE n.nspname LIKE 'quartet%' AND c.relname IN ('incoming_object','maildrop')");
  if (!tables) return std::unexpected(tables.error());
  return *tables < *shards + 1 ? 0 : static_cast<std::size_t>(*shards);
}

Result<std::size_t> open_tables(PostgresConnection& connection, std::size_t shards_if_new) {
  if (auto known = known_shards(connection); !known || *known != 0) return known;
  // Of two that make the same table at once one waits for the other, and fails: then it is there.
  constexpr int kTries = 5;
  for (int n = 1;; ++n) {
    if (auto begun = connection.execute("BEGIN"); !begun) return std::unexpected(begun.error());
    auto shards = prepare_tables(connection, shards_if_new);
    if (shards && connection.execute("COMMIT")) return shards;
    (void)connection.execute("ROLLBACK");
    if (n == kTries) return shards ? std::unexpected(StoreError{ErrorCode::kIo, "the tables cannot be made"}) : shards;
  }
}

}  // namespace

Result<Backing> postgres_backing(const Options& options) {
  const auto shards_if_new = options.shards != 0 ? std::min(options.shards, kMostShards) : kUsualShards;
  const PostgresServer server{options.postgres, options.busy_timeout.count(), options.patience};
  auto connection = PostgresConnection::open(server, kCommonSchema);
  if (!connection) return std::unexpected(with_name(std::move(connection.error())));
  const auto shards = open_tables(**connection, shards_if_new);
  if (!shards) return std::unexpected(with_name(shards.error()));
  Backing backing;
  backing.hints_directory = options.directory + "/hints";
  std::error_code error;
  std::filesystem::create_directories(backing.hints_directory, error);
  if (error) return std::unexpected(StoreError{ErrorCode::kIo, backing.hints_directory + ": " + error.message()});
  backing.bodies = std::make_unique<PostgresBodies>(server, *shards);
  backing.leases = postgres_leases(server);
  for (std::size_t n = 0; n < *shards; ++n) backing.shards.push_back(std::make_unique<PostgresShard>(server, n));
  return backing;
}

}  // namespace quartet::store
