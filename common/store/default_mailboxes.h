// The mailboxes a new account gets beside INBOX (RFC 6154). Every process on a store gives the same, since whichever
// sees an account first makes them.
#pragma once
#include <vector>

#include "common/store/store.h"

namespace quartet::store {

inline std::vector<DefaultMailbox> usual_mailboxes() {
  return {
      {"Drafts", "\\Drafts"}, {"Sent", "\\Sent"}, {"Trash", "\\Trash"}, {"Junk", "\\Junk"}, {"Archive", "\\Archive"}};
}

}  // namespace quartet::store
