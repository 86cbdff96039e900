// Names of mailboxes as people write them.
#pragma once
#include <string>

#include "common/store/store.h"

namespace quartet::transfer {

/// Whether people who write `name` mean the mailbox that the store calls `mailbox`.
inline bool is_called(const std::string& mailbox, const std::string& name) {
  const auto canonical = store::canonical_name(name);
  return mailbox == (canonical ? *canonical : name);
}

}  // namespace quartet::transfer
