// One connection to the database of an engine and its prepared statements, with the errors latched: after the first
// failure of an operation every further step fails too, so that a sequence of steps is checked once, at its end. One
// thread at a time.
//
// Statements are written so that SQLite and PostgreSQL both take them, with "?" or "?N" for parameters; postgres_sql.h
// says what is put into other words for the latter.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/store/types.h"

namespace quartet::store {

/// A prepared statement of a connection, which keeps it. Errors are noted in the database.
class Cursor {
 public:
  virtual ~Cursor() = default;
  // Parameters count from 1. What texts and blobs refer to stays as it is until the last step().
  virtual void bind(int parameter, std::int64_t value) = 0;
  virtual void bind_text(int parameter, std::string_view text) = 0;
  virtual void bind_blob(int parameter, std::string_view bytes) = 0;
  virtual void bind_null(int parameter) = 0;
  /// True when there is a row.
  virtual bool step() = 0;
  /// To the end, whatever rows there are. In a write transaction an error may come to light as late as the commit.
  virtual void run() = 0;
  /// Makes it ready to be carried out again.
  virtual void reset() = 0;
  /// The same, and nothing is bound any more.
  virtual void release() = 0;
  // Columns count from 0.
  virtual std::int64_t integer(int column) const = 0;
  virtual bool is_null(int column) const = 0;
  virtual std::string_view bytes(int column) const = 0;
};

class Database {
 public:
  virtual ~Database() = default;
  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Prepared once per connection; `sql` must be a literal, its address is the key.
  class Statement prepare(const char* sql);
  /// Statements without parameters and rows, several allowed.
  virtual bool execute(const char* sql) = 0;
  /// Of the last statement that was run.
  virtual std::int64_t changed_rows() = 0;
  /// The id for the next row of `object`, above all that there are; nullopt: its INSERT gives one. In a write
  /// transaction.
  virtual std::optional<std::int64_t> object_id() { return std::nullopt; }

  /// From here to commit() nobody else changes what this connection is about. Not `durable`: a power cut may undo what
  /// is committed.
  virtual void begin_write(bool durable = true) = 0;
  /// False if something before it failed, which undoes all; a failure of its own is noted.
  virtual bool commit() = 0;
  /// Right after begin_write(): whether another connection may have written since the last time this was asked.
  virtual bool changed_by_others() { return true; }
  /// After an error, which it leaves alone.
  virtual void rollback() = 0;
  /// From here to end_read() all reads see one state.
  virtual void begin_read() = 0;
  virtual void end_read() = 0;

  /// After a transaction that failed with `error` and was rolled back: whether it may be tried again, on a connection
  /// that is made anew if need be.
  virtual bool recover(const StoreError& error) = 0;
  /// Whether the connection is worth being used again.
  virtual bool usable() = 0;

  bool failed() const { return error_.has_value(); }
  const StoreError& error() const { return *error_; }
  /// Forgets the error and gives it.
  StoreError take_error();
  void fail(StoreError error);

 protected:
  /// Null after an error, which is noted.
  virtual Cursor* cursor(const char* sql) = 0;

 private:
  std::optional<StoreError> error_;
};

/// A prepared statement in use; released when it goes out of scope. Parameters are bound in order.
class Statement {
 public:
  Statement(Database& database, Cursor* cursor) : database_(database), cursor_(cursor) {}
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
  /// For statements without rows; true if nothing has failed as far as is known (see Cursor::run()).
  bool run();
  /// For an INSERT that ends in RETURNING id: that; 0 after an error.
  std::int64_t insert();
  /// Makes it ready for other parameters.
  Statement& again();

  std::int64_t integer(int column) const { return cursor_->integer(column); }
  std::uint64_t number(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  std::uint32_t number32(int column) const { return static_cast<std::uint32_t>(integer(column)); }
  bool is_null(int column) const { return cursor_->is_null(column); }
  /// Valid until the next step().
  std::string_view bytes(int column) const { return cursor_->bytes(column); }
  std::string text(int column) const { return std::string(bytes(column)); }

 private:
  Database& database_;
  Cursor* cursor_;  // null: the database has failed
  int bound_ = 0;
};

/// A read transaction: all reads in its scope see one state. Keep it short.
class ReadTransaction {
 public:
  explicit ReadTransaction(Database& database) : database_(database) { database_.begin_read(); }
  ~ReadTransaction();
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;

 private:
  Database& database_;
};

}  // namespace quartet::store
