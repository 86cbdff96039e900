#include "imapd/known_mailboxes.h"

#include <utility>

namespace quartet::imapd {
namespace {

Known parent_of(std::string name) {
  Known parent;
  parent.info.name = std::move(name);
  parent.info.exists = false;
  parent.info.noselect = true;
  return parent;
}

}  // namespace

void add_parents(Names& names, std::string_view name) {
  for (auto slash = name.rfind('/'); slash != std::string_view::npos; slash = name.rfind('/', slash - 1)) {
    names.emplace(name.substr(0, slash));
    if (slash == 0) break;
  }
}

async::Task<store::Result<std::vector<Known>>> known_mailboxes(Context& context) {
  auto own = co_await context.store().list(context.account);
  if (!own) co_return std::unexpected(own.error());
  const auto namespaces = context.namespaces();
  std::vector<Known> known;
  Names subscribed;  // to mailboxes of others
  for (auto& info : *own) {
    const auto place = store::resolve(namespaces.get(), context.account, info.name);
    if (place && place->prefix.empty())
      known.push_back({.info = std::move(info), .own = true});
    else if (info.subscribed)
      subscribed.insert(std::move(info.name));
  }
  auto shared = co_await store::list_shared(context.store(), namespaces, context.account);
  if (!shared) co_return std::unexpected(shared.error());
  Names parents;
  Names there;
  for (auto& mailbox : *shared) {
    mailbox.info.subscribed = subscribed.erase(mailbox.info.name) != 0;
    add_parents(parents, mailbox.info.name);
    there.insert(mailbox.info.name);
    known.push_back({.info = std::move(mailbox.info), .rights = mailbox.rights});
  }
  for (const auto& name : subscribed) {
    auto missing = parent_of(name);
    missing.info.subscribed = true;
    there.insert(name);
    known.push_back(std::move(missing));
  }
  for (const auto& name : parents)
    if (!there.contains(name)) known.push_back(parent_of(name));
  co_return known;
}

}  // namespace quartet::imapd
