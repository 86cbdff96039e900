// Accounts as a whole.
#include <algorithm>

#include "common/store/engine.h"
#include "common/store/incoming.h"

namespace quartet::store {
namespace {

std::vector<std::string> read_names(Database& database, const std::string& after, std::size_t most) {
  std::vector<std::string> names;
  auto query = database.prepare("SELECT name FROM account WHERE name>? AND used_messages>0 ORDER BY name LIMIT ?");
  query.bind(after).bind(static_cast<std::int64_t>(most));
  while (query.step()) names.emplace_back(query.text(0));
  return names;
}

bool is_on_its_way(const AccountRow& account) {
  return account.standing.kind != Standing::Kind::kHere && account.standing.kind != Standing::Kind::kMoved;
}

StoreError being_moved() { return {ErrorCode::kCannot, "it is being moved to another store"}; }

Result<std::uint64_t> erase_one(Transaction& transaction, const std::string& name) {
  Database& database = transaction.database();
  AccountRow* const account = transaction.account_anyhow(name);
  if (account == nullptr) return 0;
  if (account->standing.kind == Standing::Kind::kMoved) return purge_left(transaction, *account);
  if (is_on_its_way(*account)) return std::unexpected(being_moved());
  const auto messages = account->used_messages;
  for (const auto& listed : read_mailboxes(database, account->id))
    if (MailboxRow* const mailbox = transaction.mailbox(listed.id)) transaction.remove_mailbox(*account, *mailbox);
  clear_account(database, account->id);
  account->used_bytes = account->used_messages = 0;
  account->keywords.reset();  // whoever is behind this in the same transaction counts them anew
  transaction.create_first_mailboxes(*account);
  transaction.outdate_rows();
  return messages;
}

/// What others gave it, and its own notes about their mailboxes, which nobody else has seen.
void forget_grants(Database& database, const std::string& name) {
  if (name == kAnyone) return;  // would be a strange login
  database.prepare("DELETE FROM annotation WHERE user=?").bind(name).run();
  for (const auto& identifier : {name, "-" + name})
    database.prepare("DELETE FROM acl WHERE identifier=?").bind(identifier).run();
}

}  // namespace

Store::Async<std::vector<std::string>> Engine::accounts(std::string after, std::size_t most) {
  std::vector<std::string> names;
  for (const auto& home : shards_) {
    const auto some = co_await read_from<std::vector<std::string>>(
        *pool_, *home,
        [&](Database& database) -> Result<std::vector<std::string>> { return read_names(database, after, most); });
    if (!some) co_return std::unexpected(some.error());
    names.insert(names.end(), some->begin(), some->end());
  }
  std::ranges::sort(names);
  names.resize(std::min(names.size(), most));
  co_return names;
}

Store::Async<bool> Engine::hold_maildrop(std::string account, std::string holder, std::chrono::milliseconds time) {
  if (leases_ == nullptr) co_return true;
  co_return co_await async::offload(*pool_, [&] { return leases_->hold(account, holder, time); });
}

Store::Done Engine::leave_maildrop(std::string account, std::string holder) {
  if (leases_ == nullptr) co_return Result<void>();
  co_return co_await async::offload(*pool_, [&] { return leases_->leave(account, holder); });
}

// The account itself comes last: until then whoever repeats the call finds what is left to do.
Store::Async<std::uint64_t> Engine::erase(std::string account) {
  const auto home = shard_of(account);
  // Before anything is taken away.
  const auto row = co_await row_of(account);
  if (!row) co_return std::unexpected(row.error());
  if (*row && is_on_its_way(**row)) co_return std::unexpected(being_moved());
  for (const auto& each : shards_) {
    const auto forgotten = co_await write_to<bool>(*each, [&](Transaction& transaction) -> Result<bool> {
      forget_grants(transaction.database(), account);
      return true;
    });
    if (!forgotten) co_return std::unexpected(forgotten.error());
  }
  co_return co_await write_to<std::uint64_t>(shard(home),
                                             [&](Transaction& transaction) { return erase_one(transaction, account); });
}

}  // namespace quartet::store
