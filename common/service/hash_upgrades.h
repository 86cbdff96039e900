// Hashes of passwords are made anew when their owners log in, for that is when the passwords are known. Any thread.
#pragma once
#include <mutex>
#include <string>
#include <unordered_set>

#include "common/directory/directory.h"

namespace quartet::service {

class HashUpgrades {
 public:
  /// Whether the account, which has just logged in with its password, is to get a stronger hash; false once it has been
  /// tried with this one.
  bool wants(const directory::Directory& directory, const directory::Account& account);
  /// Hashes the password and writes the hash into the directory's file, unless the account has another one there than
  /// `account` by now. What cannot be written is logged and stays as it was. Blocks, as crypto::hash_password() and
  /// directory::change_account() do.
  static void run(const directory::Directory& directory, const directory::Account& account,
                  const std::string& password);

 private:
  std::mutex mutex_;
  std::unordered_set<std::string> tried_;  // old hashes
};

}  // namespace quartet::service
