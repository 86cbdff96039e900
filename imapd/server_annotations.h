// Annotations of the server (RFC 5464): each user's own, and those that all users see. The latter are in the account of
// the mailboxes of nobody, and are set by who administers these.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "common/store/store.h"
#include "imapd/context.h"

namespace quartet::imapd {

/// Where the values of filters are (RFC 5466 section 3.2); their names follow.
inline constexpr std::string_view kFilterValues = "/filters/values/";

struct AnnotatedAccounts {
  store::MailboxRef own;                      // mailbox 0, as Store::annotations() wants it
  std::optional<store::MailboxRef> of_all{};  // nullopt: there are no mailboxes of nobody
  bool may_set_all = false;
};
async::Task<store::Result<AnnotatedAccounts>> annotated_accounts(Context& context);

/// All that the user sees.
async::Task<store::Result<std::vector<store::Annotation>>> server_annotations(Context& context);

}  // namespace quartet::imapd
