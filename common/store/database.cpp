#include "common/store/database.h"

#include "common/base/check.h"

namespace quartet::store {

Statement Database::prepare(const char* sql) { return {*this, failed() ? nullptr : cursor(sql)}; }

StoreError Database::take_error() {
  QUARTET_CHECK(error_.has_value());
  StoreError error = std::move(*error_);
  error_.reset();
  return error;
}

void Database::fail(StoreError error) {
  if (!error_) error_ = std::move(error);
}

Statement::~Statement() {
  // Bindings may point into memory of the caller; and a released statement holds no read transaction open.
  if (cursor_ != nullptr) cursor_->release();
}

Statement& Statement::bind(std::int64_t value) {
  if (cursor_ != nullptr) cursor_->bind(++bound_, value);
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  if (cursor_ != nullptr) cursor_->bind_text(++bound_, text);
  return *this;
}

Statement& Statement::bind_blob(std::string_view bytes) {
  if (cursor_ != nullptr) cursor_->bind_blob(++bound_, bytes);
  return *this;
}

Statement& Statement::bind_null() {
  if (cursor_ != nullptr) cursor_->bind_null(++bound_);
  return *this;
}

bool Statement::step() { return cursor_ != nullptr && !database_.failed() && cursor_->step(); }

bool Statement::run() {
  if (cursor_ != nullptr && !database_.failed()) cursor_->run();
  return !database_.failed();
}

std::int64_t Statement::insert() {
  const std::int64_t id = step() ? integer(0) : 0;
  return run() ? id : 0;
}

Statement& Statement::again() {
  if (cursor_ != nullptr) cursor_->reset();
  bound_ = 0;
  return *this;
}

ReadTransaction::~ReadTransaction() {
  // It must end even after a failed read, or what others changed since could not be cleared away.
  std::optional<StoreError> error;
  if (database_.failed()) error = database_.take_error();
  database_.end_read();
  if (database_.failed()) {
    auto second = database_.take_error();
    if (!error) error = std::move(second);
  }
  if (error) database_.fail(std::move(*error));
}

}  // namespace quartet::store
