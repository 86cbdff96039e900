#include "common/service/shared_mailboxes.h"

namespace quartet::service {
namespace {

void check_level(Checker& checker, const v1::SharedMailboxes& source, std::string_view field, const std::string& name) {
  if (name.empty()) return;
  const auto canonical = store::canonical_name(name);
  if (!canonical || *canonical != name || name.contains('/') || name == "INBOX")
    checker.fault(source, field, "expected the first level of names of mailboxes, without '/'");
}

}  // namespace

std::shared_ptr<const store::Namespaces> read_namespaces(Checker& checker, const v1::SharedMailboxes& source,
                                                         const directory::DirectoryPtr& directory) {
  auto out = std::make_shared<store::Namespaces>();
  out->other_users = source.other_users();
  out->shared = source.shared();
  out->shared_account = source.shared_account().empty() ? "shared" : source.shared_account();
  check_level(checker, source, "other_users", out->other_users);
  check_level(checker, source, "shared", out->shared);
  if (!out->shared.empty() && out->shared == out->other_users)
    checker.fault(source, "shared", "expected another name than `other_users`");
  if (directory == nullptr) return out;
  if (directory->find_account(out->shared_account) != nullptr)
    checker.fault(source, "shared_account", "is a user of the directory");
  for (int n = 0; n < source.administrator_size(); ++n) {
    if (const auto* account = directory->find_account(source.administrator(n)))
      out->administrators.push_back(account->login);
    else
      checker.fault(source, "administrator", "is no user of the directory", n);
  }
  out->login_of = [directory](std::string_view name) {
    const auto* account = directory->find_account(name);
    return account == nullptr ? std::string() : account->login;
  };
  return out;
}

}  // namespace quartet::service
