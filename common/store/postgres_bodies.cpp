#include "common/store/postgres_bodies.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <optional>

#include "common/base/ascii.h"
#include "common/log/log.h"

namespace quartet::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMaxBatch = 64;
constexpr int kBinary = 1;
constexpr const char* kInsert = "INSERT INTO body(bytes) VALUES($1) RETURNING id";

std::uint64_t read_number(const pg_result* result, int row) {
  std::uint64_t value = 0;
  for (int n = 0; n < PQgetlength(result, row, 0); ++n)
    value = value << 8 | static_cast<unsigned char>(PQgetvalue(result, row, 0)[n]);
  return value;
}

std::string octets(const PostgresResult& row) {
  return {PQgetvalue(row.get(), 0, 0), static_cast<std::size_t>(PQgetlength(row.get(), 0, 0))};
}

std::unexpected<StoreError> wrong_size() {
  return std::unexpected(StoreError{ErrorCode::kCorrupt, "a body of another size than its row says"});
}

}  // namespace

PostgresBodies::PostgresBodies(PostgresServer server, std::size_t shards)
    : shards_(shards), pool_(std::move(server)), thread_([this] { work(); }) {}

PostgresBodies::~PostgresBodies() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void PostgresBodies::write(std::vector<Body> bodies, Writing& writing) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({std::move(bodies), &writing, {}});
  }
  wake_.notify_one();
}

void PostgresBodies::work() {
  for (;;) {
    std::vector<Call> batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(std::min(queue_.size(), kMaxBatch));
      batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
      queue_.erase(queue_.begin(), end);
    }
    const auto done = insert(batch);
    if (!done) log::error("store.bodies_not_written", {{"reason", done.error().detail}});
    for (Call& call : batch) {
      if (done) call.writing->placed(std::move(call.locations));
      call.writing->ended(done ? std::nullopt : std::optional(done.error()));
    }
  }
}

// What a connection that was lost may have written already has no row: it goes with old_files().
Result<void> PostgresBodies::insert(std::vector<Call>& batch) {
  const auto until = steady_clock::now() + milliseconds(pool_.server().wait_ms);
  for (auto pause = milliseconds(20);; pause = std::min(pause * 2, milliseconds(1'000))) {
    Result<void> done;
    if (auto connection = pool_.take()) {
      done = attempt(**connection, batch);
      if (done) pool_.give(std::move(*connection));
    } else {
      done = std::unexpected(std::move(connection.error()));
    }
    if (done || done.error().code != ErrorCode::kBusy || steady_clock::now() + pause > until) return done;
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, pause, [this] { return closing_; });
  }
}

/// All in one trip: until the end of a pipeline is one transaction.
Result<void> PostgresBodies::attempt(PostgresConnection& connection, std::vector<Call>& batch) {
  PQenterPipelineMode(connection.get());
  for (Call& call : batch) {
    call.locations.clear();
    for (const Body& body : call.bodies) {
      const char* const values[] = {body.bytes->data()};
      const int lengths[] = {static_cast<int>(body.bytes->size())}, formats[] = {kBinary};
      if (PQsendQueryParams(connection.get(), kInsert, 1, nullptr, values, lengths, formats, kBinary) == 0)
        return std::unexpected(connection.error_of(nullptr));
    }
  }
  if (PQpipelineSync(connection.get()) == 0) return std::unexpected(connection.error_of(nullptr));
  std::optional<StoreError> error;
  for (Call& call : batch)
    for (const Body& body : call.bodies) {
      const PostgresResult result(PQgetResult(connection.get()));
      if (PQresultStatus(result.get()) == PGRES_TUPLES_OK) {
        call.locations.push_back(
            {kNoSegment, 0, static_cast<std::uint32_t>(body.bytes->size()), read_number(result.get(), 0)});
      } else if (!error) {
        error = connection.error_of(result.get());
      }
      // Each has its end.
      PQclear(PQgetResult(connection.get()));
    }
  const PostgresResult end(PQgetResult(connection.get()));
  if (!error && PQresultStatus(end.get()) != PGRES_PIPELINE_SYNC) error = connection.error_of(end.get());
  PQexitPipelineMode(connection.get());
  if (error) return std::unexpected(std::move(*error));
  return {};
}

Result<PostgresResult> PostgresBodies::find(const std::string& sql,
                                            const std::vector<std::uint64_t>& parameters) const {
  std::vector<std::string> texts;
  for (const auto parameter : parameters) texts.push_back(std::to_string(parameter));
  auto row = pool_.ask(sql, texts);
  if (row && PQntuples(row->get()) == 0) return std::unexpected(StoreError{ErrorCode::kNoMessage, "no such body"});
  return row;
}

Result<std::string> PostgresBodies::read(const journal::Location& location, std::uint64_t size) const {
  const auto row = find("SELECT bytes FROM body WHERE id=$1", {location.file});
  if (!row) return std::unexpected(row.error());
  auto bytes = octets(*row);
  if (bytes.size() != size) return wrong_size();
  return bytes;
}

/// The column is kept as it is (EXTERNAL), so that of a range only its own pages are read.
class PostgresBodies::OpenRow final : public OpenBody {
 public:
  OpenRow(const PostgresBodies& bodies, std::uint64_t id) : bodies_(bodies), id_(id) {}
  Result<std::string> read(std::uint64_t offset, std::uint64_t length) const override {
    const auto row = bodies_.find("SELECT substring(bytes FROM $2::INT FOR $3::INT) FROM body WHERE id=$1",
                                  {id_, offset + 1, length});
    if (!row) return std::unexpected(row.error());
    return octets(*row);
  }

 private:
  const PostgresBodies& bodies_;
  const std::uint64_t id_;
};

Result<std::shared_ptr<const OpenBody>> PostgresBodies::open(const journal::Location& location,
                                                             std::uint64_t size) const {
  const auto row = find("SELECT length(bytes)::BIGINT FROM body WHERE id=$1", {location.file});
  if (!row) return std::unexpected(row.error());
  if (read_number(row->get(), 0) != size) return wrong_size();
  return std::make_shared<const OpenRow>(*this, location.file);
}

void PostgresBodies::remove_file(std::uint64_t file) {
  (void)pool_.ask("DELETE FROM body WHERE id=$1", {std::to_string(file)});  // else it goes with old_files()
}

std::vector<std::uint64_t> PostgresBodies::old_files(std::chrono::seconds age) const {
  std::string sql = "SELECT id FROM body WHERE created < now() - make_interval(secs => $1)";
  for (std::size_t n = 0; n < shards_; ++n)
    sql += fmt::format(" AND NOT EXISTS(SELECT 1 FROM {}.object WHERE file=body.id AND file<>0)", shard_schema(n));
  std::vector<std::uint64_t> old;
  const auto rows = pool_.ask(sql, {std::to_string(age.count())});
  if (!rows) return old;
  for (int row = 0; row < PQntuples(rows->get()); ++row) old.push_back(read_number(rows->get(), row));
  return old;
}

}  // namespace quartet::store
