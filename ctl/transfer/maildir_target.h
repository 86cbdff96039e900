// Export to a Maildir with its folders (Maildir++), keywords and subscriptions as Dovecot has them.
#pragma once
#include <memory>
#include <string>

#include "ctl/transfer/target.h"

namespace quartet::transfer {

/// Files are named by UIDVALIDITY and UID, so that a later run finds what is there: then it writes what is new and
/// renames what has other flags. `goes_on` false: the directory must be empty, or not be there.
Outcome<std::unique_ptr<Target>> make_maildir(std::string path, std::string host, bool goes_on);

}  // namespace quartet::transfer
