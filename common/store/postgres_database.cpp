#include "common/store/postgres_database.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/id.h"
#include "common/store/postgres_sql.h"

namespace quartet::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kBinary = 1;
// More could fill the buffers of both sides.
constexpr std::size_t kMostUnderWay = 1'000;
// Taken ahead in a transaction; what it does not use is lost.
constexpr std::int64_t kFirstIds = 4, kMoreIds = 64;

/// Integers of the network's byte order.
std::int64_t read_integer(std::string_view bytes) {
  std::uint64_t value = !bytes.empty() && (bytes[0] & 0x80) != 0 ? ~std::uint64_t{0} : 0;
  for (const unsigned char byte : bytes) value = value << 8 | byte;
  return static_cast<std::int64_t>(value);
}

}  // namespace

class PostgresDatabase::Prepared final : public Cursor {
 public:
  Prepared(PostgresDatabase& database, std::string sql, std::string name)
      : database_(database), sql_(std::move(sql)), name_(std::move(name)) {}

  void bind(int parameter, std::int64_t value) override {
    auto& place = at(parameter);
    place.number = std::to_string(value);
    place.kind = Kind::kNumber;
  }
  void bind_text(int parameter, std::string_view text) override { set_bytes(parameter, text); }
  void bind_blob(int parameter, std::string_view bytes) override { set_bytes(parameter, bytes); }
  void bind_null(int parameter) override { at(parameter).kind = Kind::kNull; }

  bool step() override {
    if (result_ == nullptr && !carry_out()) return false;
    if (++row_ < PQntuples(result_.get())) return true;
    row_ = PQntuples(result_.get());
    return false;
  }

  void run() override {
    if (result_ != nullptr) return;  // all its rows are here
    if (!database_.writing_) {
      carry_out();
      return;
    }
    if (prepare()) send();
  }

  void reset() override {
    result_.reset();
    row_ = -1;
  }
  void release() override {
    reset();
    parameters_.clear();
  }

  std::int64_t integer(int column) const override { return read_integer(bytes(column)); }
  bool is_null(int column) const override { return PQgetisnull(result_.get(), row_, column) != 0; }
  std::string_view bytes(int column) const override {
    return {PQgetvalue(result_.get(), row_, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), row_, column))};
  }

 private:
  enum class Kind { kNull, kNumber, kBytes };
  struct Parameter {
    Kind kind = Kind::kNull;
    std::string number;  // in decimal, which fits whatever type the place has
    std::string_view bytes;
  };

  Parameter& at(int parameter) {
    if (parameters_.size() < static_cast<std::size_t>(parameter))
      parameters_.resize(static_cast<std::size_t>(parameter));
    return parameters_[static_cast<std::size_t>(parameter) - 1];
  }
  void set_bytes(int parameter, std::string_view bytes) {
    auto& place = at(parameter);
    place.bytes = bytes;
    place.kind = Kind::kBytes;
  }

  bool prepare() {
    if (prepared_) return true;
    database_.settle();
    if (database_.failed()) return false;
    const PostgresResult result(PQprepare(database_.connection_->get(), name_.c_str(), sql_.c_str(), 0, nullptr));
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
      auto error = database_.connection_->error_of(result.get());
      error.detail += " (" + sql_ + ")";
      database_.fail(std::move(error));
      return false;
    }
    prepared_ = true;
    return true;
  }

  /// All rows are here then.
  bool carry_out() {
    row_ = -1;
    if (!prepare()) return false;
    send();
    result_ = database_.settle();
    if (database_.failed()) result_.reset();
    return result_ != nullptr;
  }

  void send() {
    const std::size_t count = parameters_.size();
    std::vector<const char*> values(count);
    std::vector<int> lengths(count), formats(count);
    for (std::size_t n = 0; n < count; ++n) {
      const auto& parameter = parameters_[n];
      if (parameter.kind == Kind::kNumber) values[n] = parameter.number.c_str();
      if (parameter.kind != Kind::kBytes) continue;
      values[n] = parameter.bytes.data() == nullptr ? "" : parameter.bytes.data();
      lengths[n] = static_cast<int>(parameter.bytes.size());
      formats[n] = kBinary;
    }
    PQenterPipelineMode(database_.connection_->get());
    database_.sent(PQsendQueryPrepared(database_.connection_->get(), name_.c_str(), static_cast<int>(count),
                                       values.data(), lengths.data(), formats.data(), kBinary));
  }

  PostgresDatabase& database_;
  const std::string sql_, name_;
  bool prepared_ = false;
  std::vector<Parameter> parameters_;
  PostgresResult result_;
  int row_ = -1;
};

PostgresDatabase::PostgresDatabase(PostgresServer server, std::string schema, Turn turn,
                                   std::unique_ptr<PostgresConnection> connection)
    : server_(std::move(server)),
      schema_(std::move(schema)),
      turn_(turn),
      connection_(std::move(connection)),
      id_(Id::make().number()) {}

Result<std::unique_ptr<Database>> PostgresDatabase::open(const PostgresServer& server, const std::string& schema,
                                                         Turn turn) {
  auto connection = PostgresConnection::open(server, schema);
  if (!connection) return std::unexpected(std::move(connection.error()));
  return std::unique_ptr<Database>(new PostgresDatabase(server, schema, turn, std::move(*connection)));
}

Cursor* PostgresDatabase::cursor(const char* sql) {
  auto& prepared = statements_[sql];
  if (prepared == nullptr)
    prepared = std::make_unique<Prepared>(*this, postgres_sql(sql), "s" + std::to_string(statements_.size()));
  return prepared.get();
}

bool PostgresDatabase::execute(const char* sql) {
  settle();
  if (failed()) return false;
  auto done = connection_->execute(sql);
  if (!done) fail(std::move(done.error()));
  return !failed();
}

void PostgresDatabase::send(const char* sql) {
  if (failed()) return;
  PQenterPipelineMode(connection_->get());
  sent(PQsendQueryParams(connection_->get(), sql, 0, nullptr, nullptr, nullptr, nullptr, kBinary));
}

void PostgresDatabase::sent(int done) {
  if (done != 1) return fail(connection_->error_of(nullptr));
  if (++under_way_ == kMostUnderWay) settle();
}

PostgresResult PostgresDatabase::settle() {
  PostgresResult last;
  auto* const connection = connection_->get();
  if (PQpipelineStatus(connection) == PQ_PIPELINE_OFF) return last;
  if (PQpipelineSync(connection) != 1) fail(connection_->error_of(nullptr));
  for (; under_way_ > 0; --under_way_) {
    last.reset(PQgetResult(connection));
    const auto status = PQresultStatus(last.get());
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
      changed_rows_ = std::strtoll(PQcmdTuples(last.get()), nullptr, 10);
    } else {
      fail(connection_->error_of(last.get()));
    }
    while (const PostgresResult end{PQgetResult(connection)}) {
      // nothing comes between a statement's result and its end
    }
  }
  const PostgresResult synchronized(PQgetResult(connection));
  if (PQexitPipelineMode(connection) != 1) fail(connection_->error_of(nullptr));
  return last;
}

std::int64_t PostgresDatabase::changed_rows() {
  settle();
  return changed_rows_;
}

// While the writer's row is ours nobody else takes any, so that who sees an object has seen all those below it.
std::optional<std::int64_t> PostgresDatabase::object_id() {
  if (object_ids_.empty()) {
    auto query =
        prepare("SELECT nextval(pg_get_serial_sequence('object','id')) FROM generate_series(1,CAST(? AS BIGINT))");
    query.bind(ids_wanted_);
    while (query.step()) object_ids_.push_back(query.integer(0));
    std::ranges::reverse(object_ids_);
    ids_wanted_ = kMoreIds;
  }
  if (object_ids_.empty()) return std::nullopt;
  const auto id = object_ids_.back();
  object_ids_.pop_back();
  return id;
}

void PostgresDatabase::begin_write(bool durable) {
  writing_ = true;
  batch_ = Id::make().number();
  object_ids_.clear();
  ids_wanted_ = kFirstIds;
  send("BEGIN");
  if (!durable) send("SET LOCAL synchronous_commit=off");
  if (turn_ == Turn::kNone) return;
  {
    auto last = prepare("SELECT batch FROM writer WHERE id=1 FOR UPDATE");
    changed_ = !last.step() || last.integer(0) != committed_;
  }
  committed_ = 0;
  prepare(
      "INSERT INTO writer(id,batch) VALUES(1,?),(?,?) ON CONFLICT(id) DO UPDATE SET batch=excluded.batch,seen=now()")
      .bind(batch_)
      .bind(id_)
      .bind(batch_)
      .run();
  if (std::exchange(cleared_, true)) return;
  execute("DELETE FROM writer WHERE id<>1 AND seen < now() - INTERVAL '2 days'");  // of processes that are no more
}

bool PostgresDatabase::commit() {
  if (failed()) return false;
  send("COMMIT");
  const auto ended = settle();
  writing_ = false;
  const auto status = PQresultStatus(ended.get());
  if (failed() && status == PGRES_PIPELINE_ABORTED) return false;
  // A server that ends may still say that it has committed, and that it ends behind that.
  if (failed() && status == PGRES_COMMAND_OK) (void)take_error();
  if (!failed()) {
    committed_ = batch_;
    return true;
  }
  auto lost = take_error();
  const auto done = turn_ == Turn::kNone ? false : was_committed();
  if (!done) lost = {ErrorCode::kIo, "the server went in the midst of a commit: " + lost.detail};
  if (!done || !*done) fail(std::move(lost));
  return true;
}

/// Of the last batch; nullopt if the server does not come back to tell: then nobody may try again, for it could be done
/// twice.
std::optional<bool> PostgresDatabase::was_committed() {
  const auto until = steady_clock::now() + milliseconds(server_.wait_ms);
  do {
    if (!connection_->alive() && !reconnect()) return std::nullopt;
    if (const auto found = look_for_batch()) return found;
    // What still looks alive may have said already that it ends.
    if (!reconnect()) return std::nullopt;
  } while (steady_clock::now() < until);
  return std::nullopt;
}

// Whoever was cut off in the midst of a commit holds the writer's row until the server is through with it. Our own row
// may be one that only this commit brings, which a statement that began before its end does not see: it is asked for
// by another one behind the wait.
std::optional<bool> PostgresDatabase::look_for_batch() {
  execute("BEGIN");
  bool found = false;
  {
    auto turn = prepare("SELECT id FROM writer WHERE id=1 FOR UPDATE");
    turn.run();
  }
  {
    auto query = prepare("SELECT batch FROM writer WHERE id=?");
    query.bind(id_);
    found = query.step() && query.integer(0) == batch_;
  }
  execute("ROLLBACK");
  if (!failed()) return found;
  (void)take_error();
  return std::nullopt;
}

void PostgresDatabase::rollback() {
  writing_ = false;
  if (const bool known = failed(); settle(), failed() && !known) (void)take_error();
  if (connection_->alive()) (void)connection_->execute("ROLLBACK");
}

void PostgresDatabase::end_read() {
  if (auto done = connection_->execute("COMMIT"); !done) fail(std::move(done.error()));
}

bool PostgresDatabase::recover(const StoreError& error) {
  if (error.code != ErrorCode::kBusy) return false;
  return connection_->alive() || reconnect();
}

bool PostgresDatabase::reconnect() {
  const auto until = steady_clock::now() + milliseconds(server_.wait_ms);
  for (auto pause = milliseconds(20);; pause = std::min(pause * 2, milliseconds(1'000))) {
    auto connection = PostgresConnection::open(server_, schema_);
    if (connection) {
      statements_.clear();  // of the old connection; none is in use between transactions
      connection_ = std::move(*connection);
      return true;
    }
    if (connection.error().code == ErrorCode::kClosed || steady_clock::now() + pause > until) return false;
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace quartet::store
