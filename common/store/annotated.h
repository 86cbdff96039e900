// Annotations of the server (RFC 5464): each user's own, and those that all users see. The latter are in the account of
// the mailboxes of nobody, and are set by who administers these.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/namespaces.h"

namespace quartet::store {

struct AnnotatedAccounts {
  MailboxRef own;                      // mailbox 0, as Store::annotations() wants it
  std::optional<MailboxRef> of_all{};  // nullopt: there are no mailboxes of nobody
  bool may_set_all = false;
};
async::Task<Result<AnnotatedAccounts>> annotated_accounts(Store& store, NamespacesPtr namespaces, std::string account);

/// All that the user sees of the server's.
async::Task<Result<std::vector<Annotation>>> server_annotations(Store& store, NamespacesPtr namespaces,
                                                                std::string account);

/// The same of a mailbox, whose use is told as if it were one (RFC 6154 section 4).
async::Task<Result<std::vector<Annotation>>> annotations_of(Store& store, MailboxRef mailbox, std::string special_use,
                                                            std::string account);

/// The user's own entry of a mailbox that says its use, and that nobody sets.
inline constexpr std::string_view kSpecialUseEntry = "/specialuse";

}  // namespace quartet::store
