// Logins checked against the directory, on threads of their own: a hash keeps a processor busy for some 100 ms. Any
// thread.
#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "common/async/thread_pool.h"
#include "common/directory/directory.h"
#include "common/sasl/server.h"
#include "common/service/hash_upgrades.h"

namespace quartet::service {

/// Before the answer to a failed login, from the second of a session on: guessing is slow.
inline constexpr std::chrono::seconds kLoginPause{2};

class Passwords {
 public:
  explicit Passwords(std::size_t threads, std::chrono::milliseconds pause = kLoginPause)
      : pause_(pause), pool_("password", threads) {}

  /// The account, which `directory` keeps alive, or null: no such user, wrong password, disabled, or the authorization
  /// identity (RFC 4616 section 2) names somebody else. Takes as long for users who do not exist, so that time does not
  /// tell which do. Resumes on the caller's loop. A hash that is to be upgraded is, after that.
  async::Task<const directory::Account*> authenticate(directory::DirectoryPtr directory, sasl::Claim claim);
  std::chrono::milliseconds pause() const { return pause_; }

 private:
  HashUpgrades upgrades_;
  std::chrono::milliseconds pause_;
  async::ThreadPool pool_;  // goes first: its threads use what is above
};

/// What may be offered within TLS, the strongest first.
std::vector<std::string> mechanisms(const directory::Directory& directory);
/// For the mechanisms among them that need them.
sasl::Verifiers verifiers(directory::DirectoryPtr directory);

/// quartet_logins_total, by protocol ("smtp", "imap", "pop3", "odmr") and result. Any thread.
void count_login(const std::string& protocol, bool good);

}  // namespace quartet::service
