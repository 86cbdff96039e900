// Which names of mailboxes lead to other accounts (RFC 2342): those of other users, and those that belong to nobody.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/async/task.h"
#include "common/store/store.h"

namespace quartet::store {

struct Namespaces {
  std::string other_users;                  // the first level of others' mailboxes: "Other Users"; "" for none
  std::string shared;                       // the first level of mailboxes of nobody: "Shared"; "" for none
  std::string shared_account;               // the account of the store that has these
  std::vector<std::string> administrators;  // logins that have all rights on these
  /// The login an account is known by, whatever name for it is given; "" if there is no such account.
  std::function<std::string(std::string_view)> login_of;

  bool any() const { return !other_users.empty() || !shared.empty(); }
};
using NamespacesPtr = std::shared_ptr<const Namespaces>;

/// Where a name leads.
struct Place {
  enum class Kind { kOwn, kOther, kShared };
  Kind kind = Kind::kOwn;
  std::string account;
  std::string mailbox;  // "" where the name is only a parent: "Other Users/ann@a.test"
  std::string prefix;   // what names of the account begin with: "Other Users/ann@a.test/"; "" for kOwn
  bool all_rights = true;
};

/// What `login` means by `name`. `namespaces` may be null. nullopt: below other users, and there is no such user.
std::optional<Place> resolve(const Namespaces* namespaces, std::string_view login, const std::string& name);

/// A mailbox of a place, under the name that the user knows it by.
struct Located {
  Place place;
  MailboxInfo info;
  Rights rights;
};

/// kNoMailbox also where the user may not know that there is a mailbox.
async::Task<Result<Located>> locate(Store& store, NamespacesPtr namespaces, std::string login, std::string name);

/// All mailboxes of other accounts that the user may know of, with the names they have for it. Sorted by name.
async::Task<Result<std::vector<Located>>> list_shared(Store& store, NamespacesPtr namespaces, std::string login);

}  // namespace quartet::store
