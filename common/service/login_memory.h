// Logins that were verified lately, so that clients which log in for each of their requests, as webmails do, pay the
// hash of a password now and then only. No password is kept: of each login there is an HMAC over account, stored secret
// and password, by a key that this process made for itself and that ends with it. Failures are not remembered. Any
// thread.
#pragma once
#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/time.h"

namespace quartet::config::v1 {
class LoginLimits;
}  // namespace quartet::config::v1

namespace quartet::service {

/// Some 20 MB.
inline constexpr std::size_t kMostRemembered = 100'000;

class LoginMemory {
 public:
  /// `lifetime`: counted from the verification, however often it has been of use since; 0: nothing is remembered.
  explicit LoginMemory(std::chrono::seconds lifetime, std::size_t most = kMostRemembered);

  bool remembers() const { return lifetime_.count() > 0; }
  /// What a login is recognized by. `secret`: what the directory has of the password, so that a proof is worth nothing
  /// once that is another one.
  std::string proof(std::string_view account, std::string_view secret, std::string_view password) const;
  /// Whether a login with this proof was verified within the lifetime; counted in quartet_remembered_logins_total.
  bool knows(std::string_view account, std::string_view proof, SteadyTime now);
  /// After a verification. In place of what there is of the account; of too many accounts the oldest goes.
  void remember(std::string account, std::string proof, SteadyTime now);
  std::size_t size() const;

 private:
  struct Entry {
    std::string account, proof;
    SteadyTime verified;
  };
  using Entries = std::list<Entry>;
  void forget_old(SteadyTime now);
  void forget(Entries::iterator entry);

  const std::chrono::seconds lifetime_;
  const std::size_t most_;
  const std::string key_;
  mutable std::mutex mutex_;
  Entries entries_;                                                     // the oldest first
  std::unordered_map<std::string_view, Entries::iterator> by_account_;  // keys are in the entries
};

/// What is not set has its default.
std::chrono::seconds remembered_for(const config::v1::LoginLimits& source);

}  // namespace quartet::service
