#include "mda/named_mailbox.h"

#include <algorithm>

#include "common/base/ascii.h"

namespace quartet::mda {

async::Task<std::string> mailbox_named(store::Store& store, std::string account, std::string detail) {
  const auto name = store::canonical_name(detail);
  if (name == "INBOX") co_return std::string();
  const auto mailboxes =
      name ? co_await store.list(std::move(account)) : store::Result<std::vector<store::MailboxInfo>>();
  if (!name || !mailboxes) co_return std::string();
  const auto fits = [](const store::MailboxInfo& mailbox) { return mailbox.exists && !mailbox.noselect; };
  const auto exact = std::ranges::find_if(
      *mailboxes, [&](const store::MailboxInfo& mailbox) { return fits(mailbox) && mailbox.name == *name; });
  if (exact != mailboxes->end()) co_return exact->name;
  const auto similar = std::ranges::find_if(*mailboxes, [&](const store::MailboxInfo& mailbox) {
    return fits(mailbox) && ascii::iequals(mailbox.name, *name);
  });
  co_return similar == mailboxes->end() ? std::string() : similar->name;
}

}  // namespace quartet::mda
