// MaildropLeases: which host has the maildrop of an account open (RFC 1939 section 4), where several share a store.
#pragma once
#include <chrono>
#include <memory>
#include <string>

#include "common/store/postgres_connection.h"

namespace quartet::store {

/// Any thread; all of it blocks.
class MaildropLeases {
 public:
  virtual ~MaildropLeases() = default;
  /// See Store::hold_maildrop().
  virtual Result<bool> hold(const std::string& account, const std::string& holder, std::chrono::milliseconds time) = 0;
  /// See Store::leave_maildrop().
  virtual Result<void> leave(const std::string& account, const std::string& holder) = 0;
};

/// In a table of the database.
std::unique_ptr<MaildropLeases> postgres_leases(const PostgresServer& server);

}  // namespace quartet::store
