// A connection to one shard of a store in PostgreSQL.
//
// In a write transaction, statements whose rows nobody waits for go into a pipeline: they cost no trip to the server
// and back of their own. Once one of them has failed the server passes over those behind it, the commit with them.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/store/database.h"
#include "common/store/postgres_connection.h"

namespace quartet::store {

class PostgresDatabase final : public Database {
 public:
  /// Whether begin_write() takes the row of the shard's writer, for which others wait. If not, a commit whose answer is
  /// lost counts as failed.
  enum class Turn { kWriter, kNone };
  static Result<std::unique_ptr<Database>> open(const PostgresServer& server, const std::string& schema, Turn turn);

  bool execute(const char* sql) override;
  std::int64_t changed_rows() override;
  std::optional<std::int64_t> object_id() override;
  void begin_write(bool durable) override;
  /// By what the last batch has left in that row.
  bool changed_by_others() override { return changed_; }
  /// If the connection is lost before the answer, it is found out whether it was committed.
  bool commit() override;
  void rollback() override;
  void begin_read() override { execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); }
  void end_read() override;
  bool recover(const StoreError& error) override;
  bool usable() override { return !failed() && connection_->alive(); }

 private:
  class Prepared;

  PostgresDatabase(PostgresServer server, std::string schema, Turn turn,
                   std::unique_ptr<PostgresConnection> connection);
  Cursor* cursor(const char* sql) override;
  bool reconnect();
  /// Puts a statement into the pipeline: what it comes to is asked for by settle(). No rows, no parameters.
  void send(const char* sql);
  void sent(int done);
  /// Waits for what is under way, in one trip; notes its first error. The result of the last one.
  PostgresResult settle();
  std::optional<bool> was_committed();
  /// Whether the last batch that this connection began is in the database; nullopt: it cannot be asked.
  std::optional<bool> look_for_batch();

  const PostgresServer server_;
  const std::string schema_;
  const Turn turn_;
  std::unique_ptr<PostgresConnection> connection_;
  std::unordered_map<const char*, std::unique_ptr<Prepared>> statements_;
  std::int64_t changed_rows_ = 0;
  bool writing_ = false;
  std::size_t under_way_ = 0;               // statements of the pipeline; 0: there is none
  std::vector<std::int64_t> object_ids_{};  // for this transaction, the last first
  std::int64_t ids_wanted_ = 0;
  const std::int64_t id_;       // of our row in `writer`
  std::int64_t batch_ = 0;      // unlike any other
  std::int64_t committed_ = 0;  // the batch before, if it was committed
  bool changed_ = true;
  bool cleared_ = false;  // rows of others that are no more
};

}  // namespace quartet::store
