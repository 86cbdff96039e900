#include "common/store/namespaces.h"

#include <algorithm>
#include <utility>

namespace quartet::store {
namespace {

/// What follows `level` in the name: "" for the level itself; nullopt for a name elsewhere.
std::optional<std::string_view> below(std::string_view name, std::string_view level) {
  if (level.empty() || !name.starts_with(level)) return std::nullopt;
  name.remove_prefix(level.size());
  if (name.empty()) return name;
  if (!name.starts_with('/')) return std::nullopt;
  return name.substr(1);
}

bool administers(const Namespaces& namespaces, std::string_view login) {
  return std::ranges::find(namespaces.administrators, login) != namespaces.administrators.end();
}

Place shared_place(const Namespaces& namespaces, std::string_view login, std::string_view mailbox) {
  return {Place::Kind::kShared, namespaces.shared_account, std::string(mailbox), namespaces.shared + "/",
          administers(namespaces, login)};
}

Place other_place(const Namespaces& namespaces, std::string account, std::string_view login, std::string_view mailbox) {
  auto prefix = namespaces.other_users + "/" + account + "/";
  const bool own = account == login;
  return {own ? Place::Kind::kOwn : Place::Kind::kOther, std::move(account), std::string(mailbox), std::move(prefix),
          own};
}

Result<MailboxInfo> nothing() { return std::unexpected(StoreError{ErrorCode::kNoMailbox, ""}); }

/// By the name that the client has for it; what the mailbox of another is for is the owner's.
void show_in(const Place& place, MailboxInfo& info) {
  info.name = place.prefix + info.name;
  if (place.kind != Place::Kind::kOwn) info.special_use.clear();
}

}  // namespace

std::optional<Place> resolve(const Namespaces* namespaces, std::string_view login, const std::string& name) {
  if (namespaces != nullptr) {
    if (const auto rest = below(name, namespaces->shared)) return shared_place(*namespaces, login, *rest);
    if (const auto rest = below(name, namespaces->other_users)) {
      if (rest->empty()) return Place{Place::Kind::kOther, "", "", namespaces->other_users + "/", false};
      const auto slash = std::min(rest->find('/'), rest->size());
      auto account = namespaces->login_of(rest->substr(0, slash));
      if (account.empty()) return std::nullopt;
      return other_place(*namespaces, std::move(account), login, rest->substr(std::min(slash + 1, rest->size())));
    }
  }
  return Place{Place::Kind::kOwn, std::string(login), name, "", true};
}

async::Task<Result<Located>> locate(Store& store, NamespacesPtr namespaces, std::string login, std::string name) {
  auto place = resolve(namespaces.get(), login, name);
  if (!place || place->mailbox.empty()) co_return std::unexpected(nothing().error());
  auto found = co_await store.find(place->account, place->mailbox);
  auto rights = Rights::all();
  if (found && !place->all_rights) {
    const auto acl = co_await store.acl(found->ref);
    if (!acl) co_return std::unexpected(acl.error());
    rights = rights_of(*acl, login);
    if (rights.empty()) found = nothing();
  }
  if (!found) {
    // That a name of another is a parent would tell of what is below it.
    if (place->all_rights || is_transient(found.error().code)) co_return std::unexpected(found.error());
    co_return std::unexpected(nothing().error());
  }
  show_in(*place, *found);
  co_return Located{*std::move(place), *std::move(found), rights};
}

async::Task<Result<std::vector<Located>>> list_shared(Store& store, NamespacesPtr namespaces, std::string login) {
  std::vector<Located> out;
  if (namespaces == nullptr || !namespaces->any()) co_return out;
  const bool administrator = !namespaces->shared.empty() && administers(*namespaces, login);
  if (administrator) {
    auto all = co_await store.list(namespaces->shared_account);
    if (!all) co_return std::unexpected(all.error());
    for (auto& info : *all) {
      auto place = shared_place(*namespaces, login, info.name);
      show_in(place, info);
      if (info.exists) out.push_back({std::move(place), std::move(info), Rights::all()});
    }
  }
  auto granted = co_await store.granted({login, std::string(kAnyone)});
  if (!granted) co_return std::unexpected(granted.error());
  for (auto& mailbox : *granted) {
    const auto rights = rights_of(mailbox.acl, login);
    if (!rights.has("l") || mailbox.account == login) continue;
    const bool shared = mailbox.account == namespaces->shared_account;
    if (shared ? administrator || namespaces->shared.empty() : namespaces->other_users.empty()) continue;
    if (!shared && namespaces->login_of(mailbox.account) != mailbox.account) continue;
    auto place = shared ? shared_place(*namespaces, login, mailbox.info.name)
                        : other_place(*namespaces, mailbox.account, login, mailbox.info.name);
    show_in(place, mailbox.info);
    out.push_back({std::move(place), std::move(mailbox.info), rights});
  }
  std::ranges::sort(out, {}, [](const Located& each) { return each.info.name; });
  co_return out;
}

}  // namespace quartet::store
