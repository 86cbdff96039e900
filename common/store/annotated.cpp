#include "common/store/annotated.h"

#include <utility>

namespace quartet::store {
namespace {

async::Task<Result<MailboxRef>> account_ref(Store& store, std::string account) {
  const auto inbox = co_await store.find(std::move(account), "INBOX");
  if (!inbox) co_return std::unexpected(inbox.error());
  co_return MailboxRef{inbox->ref.shard, inbox->ref.account, 0};
}

}  // namespace

async::Task<Result<AnnotatedAccounts>> annotated_accounts(Store& store, NamespacesPtr namespaces, std::string account) {
  const auto own = co_await account_ref(store, account);
  if (!own) co_return std::unexpected(own.error());
  AnnotatedAccounts accounts{.own = *own};
  if (namespaces == nullptr || namespaces->shared.empty()) co_return accounts;
  const auto of_all = co_await account_ref(store, namespaces->shared_account);
  if (!of_all) co_return std::unexpected(of_all.error());
  accounts.of_all = *of_all;
  accounts.may_set_all = resolve(namespaces.get(), account, namespaces->shared)->all_rights;
  co_return accounts;
}

async::Task<Result<std::vector<Annotation>>> server_annotations(Store& store, NamespacesPtr namespaces,
                                                                std::string account) {
  const auto accounts = co_await annotated_accounts(store, std::move(namespaces), account);
  if (!accounts) co_return std::unexpected(accounts.error());
  auto all = co_await store.annotations(accounts->own, account);
  if (!all || !accounts->of_all || *accounts->of_all == accounts->own) co_return all;
  // Whatever the user has there is of other mailboxes.
  auto shared = co_await store.annotations(*accounts->of_all, "");
  if (!shared) co_return shared;
  for (auto& annotation : *shared) all->push_back(std::move(annotation));
  co_return all;
}

async::Task<Result<std::vector<Annotation>>> annotations_of(Store& store, MailboxRef mailbox, std::string special_use,
                                                            std::string account) {
  auto all = co_await store.annotations(mailbox, account);
  if (!all) co_return all;
  std::erase_if(*all, [](const auto& each) { return !each.user.empty() && each.entry == kSpecialUseEntry; });
  if (!special_use.empty()) all->push_back({account, std::string(kSpecialUseEntry), special_use});
  co_return all;
}

}  // namespace quartet::store
