#include "imapd/server_annotations.h"

#include <utility>

namespace quartet::imapd {
namespace {

async::Task<store::Result<store::MailboxRef>> account_ref(Context& context, std::string account) {
  const auto inbox = co_await context.store().find(std::move(account), "INBOX");
  if (!inbox) co_return std::unexpected(inbox.error());
  co_return store::MailboxRef{inbox->ref.shard, inbox->ref.account, 0};
}

}  // namespace

async::Task<store::Result<AnnotatedAccounts>> annotated_accounts(Context& context) {
  const auto own = co_await account_ref(context, context.account);
  if (!own) co_return std::unexpected(own.error());
  AnnotatedAccounts accounts{.own = *own};
  const auto namespaces = context.namespaces();
  if (namespaces == nullptr || namespaces->shared.empty()) co_return accounts;
  const auto of_all = co_await account_ref(context, namespaces->shared_account);
  if (!of_all) co_return std::unexpected(of_all.error());
  accounts.of_all = *of_all;
  accounts.may_set_all = store::resolve(namespaces.get(), context.account, namespaces->shared)->all_rights;
  co_return accounts;
}

async::Task<store::Result<std::vector<store::Annotation>>> server_annotations(Context& context) {
  const auto accounts = co_await annotated_accounts(context);
  if (!accounts) co_return std::unexpected(accounts.error());
  auto all = co_await context.store().annotations(accounts->own, context.account);
  if (!all || !accounts->of_all || *accounts->of_all == accounts->own) co_return all;
  // Whatever the user has there is of other mailboxes.
  auto shared = co_await context.store().annotations(*accounts->of_all, "");
  if (!shared) co_return shared;
  for (auto& annotation : *shared) all->push_back(std::move(annotation));
  co_return all;
}

}  // namespace quartet::imapd
