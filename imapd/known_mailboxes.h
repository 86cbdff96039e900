// The mailboxes a client may know of: its own, those of other users and those of nobody (RFC 2342, RFC 4314).
#pragma once
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/store.h"
#include "imapd/context.h"

namespace quartet::imapd {

/// A mailbox, or a name without one, and what the client may do with it.
struct Known {
  store::MailboxInfo info;
  store::Rights rights = store::Rights::all();
  bool own = false;
};

/// All that the client may know of: its own mailboxes in the order of the store, then those of others.
async::Task<store::Result<std::vector<Known>>> known_mailboxes(Context& context);

using Names = std::set<std::string, std::less<>>;
/// "a/b" and "a" of "a/b/c".
void add_parents(Names& names, std::string_view name);

}  // namespace quartet::imapd
