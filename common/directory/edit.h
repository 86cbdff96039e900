// Accounts of a directory are added, changed and removed in its files, which stay otherwise as people wrote them:
// comments, order, ${NAME} and include. Agents see a change once they read the directory again.
//
// Every call takes the lock of rewrite.h, reads the directory, and writes only what makes a directory without faults.
// Blocks: not from a loop.
#pragma once
#include <expected>
#include <functional>
#include <string>
#include <string_view>

namespace quartet::config::v1 {
class Account;
}  // namespace quartet::config::v1

namespace quartet::directory {

struct EditError {
  enum class Kind {
    kNoAccount,  // there is none with this login
    kExists,     // the login is an address already
    kRefused,    // the directory would have a fault, or the change itself was declined
    kFile,       // the files cannot be read or written, or have faults as they are
  };
  Kind kind = Kind::kFile;
  std::string text;  // one line for people
};
using Edited = std::expected<void, EditError>;

/// `path` is that of the directory; an account goes to its end.
Edited add_account(const std::string& path, const config::v1::Account& account);
/// `change` gets the account as it is in the file now, and changes it or says why it does not; if it changes nothing,
/// nothing is written. Only the fields that differ are written anew, in the file that has the account. `login` in any
/// case.
Edited change_account(const std::string& path, std::string_view login,
                      const std::function<std::expected<void, std::string>(config::v1::Account&)>& change);
Edited remove_account(const std::string& path, std::string_view login);

}  // namespace quartet::directory
