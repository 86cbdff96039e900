// Logins checked against the directory, on threads of their own: a hash keeps a processor busy for some 100 ms. Any
// thread.
#pragma once
#include <chrono>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "common/async/thread_pool.h"
#include "common/directory/directory.h"
#include "common/sasl/server.h"
#include "common/service/hash_upgrades.h"
#include "common/service/login_failure.h"
#include "common/service/login_memory.h"
#include "common/service/tokens.h"

namespace quartet::service {

/// Before the answer to a failed login, from the second of a session on: guessing is slow.
inline constexpr std::chrono::seconds kLoginPause{2};
/// Tokens that are checked at a time.
inline constexpr std::size_t kTokenThreads = 4;

/// The account, which the directory it was found in keeps alive.
using Login = std::expected<const directory::Account*, LoginFailure>;

class Passwords {
 public:
  /// `remembered_for`: see LoginMemory.
  Passwords(std::size_t threads, std::chrono::seconds remembered_for, std::chrono::milliseconds pause = kLoginPause)
      : memory_(remembered_for), pause_(pause), pool_("password", threads), token_pool_("token", kTokenThreads) {}

  /// Takes as long for users who do not exist, so that time does not tell which do. Resumes on the caller's loop. A
  /// password that was verified lately is known again without its hash; a hash that is to be upgraded is, after a
  /// verification. `tokens` check tokens; null: none are taken.
  async::Task<Login> authenticate(directory::DirectoryPtr directory, sasl::Claim claim,
                                  std::shared_ptr<Tokens> tokens = nullptr);
  std::chrono::milliseconds pause() const { return pause_; }

 private:
  /// A token proves a login, which is then put in the place of the client's own word.
  async::Task<std::expected<void, LoginFailure>> check_token(std::shared_ptr<Tokens> tokens, std::string text,
                                                             std::string& login);

  LoginMemory memory_;
  HashUpgrades upgrades_;
  std::chrono::milliseconds pause_;
  // These go first: their threads use what is above.
  async::ThreadPool pool_;
  async::ThreadPool token_pool_;  // waits for servers
};

/// What may be offered within TLS, the strongest first. `tokens` is null where none are taken.
std::vector<std::string> mechanisms(const directory::Directory& directory, const Tokens* tokens = nullptr);
/// For the mechanisms among them that need them.
sasl::Verifiers verifiers(directory::DirectoryPtr directory);

/// Whether a claim that is false may be a guess. A token cannot be guessed; it is false when it has ended. Neither can
/// a certificate, nor what SCRAM has found proven: these are false when the account is disabled or is another one.
bool can_be_guessed(const sasl::Claim& claim);

/// quartet_logins_total, by protocol ("smtp", "imap", "pop3", "managesieve", "odmr") and result. Any thread.
void count_login(const std::string& protocol, bool good);

}  // namespace quartet::service
