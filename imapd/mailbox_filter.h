// Whether a mailbox is one that a filter means (RFC 5465 section 6, RFC 7377 section 2.2). Selected mailboxes are for
// the caller: it knows what is selected.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "imapd/known_mailboxes.h"
#include "imapd/proto/command.h"

namespace quartet::imapd {

/// One filter with its names as the store knows them.
class FilterMatcher {
 public:
  explicit FilterMatcher(const MailboxFilter& filter);

  /// Sieve may deliver to any mailbox of the user, so that "inboxes" is as "personal" (RFC 5465 section 6.3).
  bool matches(const Known& mailbox) const;
  bool matches_selected() const;

 private:
  bool names(std::string_view mailbox) const;

  MailboxFilter::Kind kind_;
  std::vector<std::string> mailboxes_;
};

}  // namespace quartet::imapd
