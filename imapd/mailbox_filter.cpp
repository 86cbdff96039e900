#include "imapd/mailbox_filter.h"

#include <algorithm>

namespace quartet::imapd {

using Kind = MailboxFilter::Kind;

FilterMatcher::FilterMatcher(const MailboxFilter& filter) : kind_(filter.kind) {
  for (const auto& mailbox : filter.mailboxes) {
    const bool below = kind_ != Kind::kMailboxes;
    auto name = mailbox;
    if (below && name.ends_with('/')) name.pop_back();
    if (auto canonical = store::canonical_name(name))
      mailboxes_.push_back(*std::move(canonical));
    else if (below && name.empty())
      mailboxes_.emplace_back();  // the root, which all others are below
  }
}

bool FilterMatcher::names(std::string_view mailbox) const {
  return std::ranges::any_of(mailboxes_, [&](std::string_view name) {
    if (mailbox == name) return true;
    if (kind_ == Kind::kMailboxes) return false;
    auto rest = mailbox;
    if (!name.empty()) {
      if (!rest.starts_with(name) || rest[name.size()] != '/') return false;
      rest.remove_prefix(name.size() + 1);
    }
    return kind_ == Kind::kSubtree || !rest.contains('/');
  });
}

bool FilterMatcher::matches_selected() const { return kind_ == Kind::kSelected || kind_ == Kind::kSelectedDelayed; }

bool FilterMatcher::matches(const Known& mailbox) const {
  switch (kind_) {
    case Kind::kSelected:
    case Kind::kSelectedDelayed:
      return false;
    case Kind::kInboxes:
    case Kind::kPersonal:
      return mailbox.own;
    case Kind::kSubscribed:
      return mailbox.info.subscribed;
    case Kind::kSubtree:
    case Kind::kSubtreeOne:
    case Kind::kMailboxes:
      return names(mailbox.info.name);
  }
  return false;
}

}  // namespace quartet::imapd
