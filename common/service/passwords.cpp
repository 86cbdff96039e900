#include "common/service/passwords.h"

#include "common/crypto/password.h"
#include "common/metrics/metrics.h"

namespace quartet::service {
namespace {

// Of a password nobody has; for a directory without any hash.
constexpr const char* kNoHash = "$y$j9T$ORtqT8czznML/LpxjjSoR1$6MBKMHMM9ET5JMPEqi61GjFM4UKVQlIVKiaOYcQPTpB";

/// A hash made as those of the site are: the same method at the same cost.
std::string decoy(const directory::Directory& directory) {
  for (const auto& account : directory.accounts()) {
    if (!account->password_hash.empty()) return account->password_hash;
  }
  return kNoHash;
}

}  // namespace

async::Task<const directory::Account*> Passwords::authenticate(directory::DirectoryPtr directory, std::string user,
                                                               std::string authorization, std::string password) {
  const auto* account = directory->find_account(user);
  if (account != nullptr && (!account->enabled || account->password_hash.empty())) account = nullptr;
  if (account != nullptr && !authorization.empty() && directory->find_account(authorization) != account)
    account = nullptr;
  std::string hash = account != nullptr ? account->password_hash : decoy(*directory);
  const bool fits = co_await async::offload(pool_, [password = std::move(password), hash = std::move(hash)] {
    return crypto::verify_password(password, hash);
  });
  co_return fits ? account : nullptr;
}

void count_login(const std::string& protocol, bool good) {
  metrics::counter("quartet_logins_total", "Logins by their result",
                   {{"protocol", protocol}, {"result", good ? "ok" : "failed"}})
      .add();
}

}  // namespace quartet::service
