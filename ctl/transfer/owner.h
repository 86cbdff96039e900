// Whose files a store's are.
#pragma once
#include <string>

#include "ctl/transfer/source.h"

namespace quartet::transfer {

/// For root: becomes the owner of the directory, for good, so that what is made there belongs to the agents' user, but
/// may go on reading everybody's files where the system allows that. Nothing for others, and where root is the owner.
Outcome<void> become_owner(const std::string& directory);

}  // namespace quartet::transfer
