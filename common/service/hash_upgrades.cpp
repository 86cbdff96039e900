#include "common/service/hash_upgrades.h"

#include "common/directory/edit.h"
#include "common/log/log.h"
#include "common/sasl/scram.h"
#include "quartet/config/v1/directory.pb.h"

namespace quartet::service {
namespace {

/// Forgotten then, so that logins go on to cost nothing but a look.
constexpr std::size_t kMostTried = 100'000;

/// "argon2id", "y", "2b" or "6".
std::string_view method_of(std::string_view hash) { return hash.substr(1, hash.find('$', 1) - 1); }

}  // namespace

bool HashUpgrades::wants(const directory::Directory& directory, const directory::Account& account) {
  const auto method = directory.wanted_hash();
  if (!method || directory.file().empty() || !crypto::is_weaker(account.password_hash, *method)) return false;
  const std::scoped_lock lock(mutex_);
  if (tried_.size() >= kMostTried) tried_.clear();
  return tried_.insert(account.password_hash).second;
}

void HashUpgrades::run(const directory::Directory& directory, const directory::Account& account,
                       const std::string& password) {
  const auto failed = [&account](const std::string& reason) {
    log::warn("login.hash_kept", {{"account", account.login}, {"reason", reason}});
  };
  const auto hash = crypto::hash_password(sasl::prepare(password).value_or(password), *directory.wanted_hash());
  if (!hash) return failed(hash.error());
  bool replaced = false;
  const auto written = directory::change_account(directory.file(), account.login,
                                                 [&](config::v1::Account& now) -> std::expected<void, std::string> {
                                                   // Another agent was first, or somebody has set another password.
                                                   if (now.password_hash() != account.password_hash) return {};
                                                   now.set_password_hash(*hash);
                                                   replaced = true;
                                                   return {};
                                                 });
  if (!written) return failed(written.error().text);
  if (!replaced) return;
  log::info("login.hash_upgraded", {{"account", account.login}, {"method", method_of(*hash)}});
}

}  // namespace quartet::service
