// Mailboxes by the names that clients use, and what the client may do with them (RFC 4314 section 4).
#pragma once
#include <expected>
#include <string>
#include <string_view>

#include "common/store/namespaces.h"
#include "imapd/context.h"

namespace quartet::imapd {

/// Whether a mailbox is looked for because messages are to go there: a missing one is NO [TRYCREATE].
enum class Wanted { kItself, kAsTarget };

/// The mailbox with this name, if the client has all of the `rights`; else the reply: NO [NOPERM], or, where the client
/// may not even know of it, as if there were none.
async::Task<std::expected<store::Located, Reply>> locate(Context& context, const std::string& name,
                                                         std::string_view rights, Wanted wanted = Wanted::kItself);

/// Whether the client may read annotations of a mailbox, and have its own (RFC 5464 section 3.3).
bool may_annotate(store::Rights rights);

/// Looks again at the rights on a selected mailbox of another. Without the right to read it the session has to end.
async::Task<void> look_at_rights(Context& context);

Reply not_permitted();

}  // namespace quartet::imapd
