// Access control lists (RFC 4314).
#include <algorithm>
#include <set>

#include "common/store/engine.h"

namespace quartet::store {
namespace {

constexpr std::size_t kMostEntries = 1000;  // of one mailbox: each access reads them all

Acl read_acl(Database& database, std::int64_t mailbox) {
  auto query = database.prepare("SELECT identifier,rights FROM acl WHERE mailbox=? ORDER BY identifier");
  query.bind(mailbox);
  Acl acl;
  while (query.step()) acl.push_back({query.text(0), Rights::parse(query.text(1)).value_or(Rights())});
  return acl;
}

Rights changed(Rights before, AclMode mode, Rights named) {
  switch (mode) {
    case AclMode::kAdd:
      return before.with(named);
    case AclMode::kRemove:
      return before.without(named);
    case AclMode::kReplace:
      break;
  }
  return named;
}

Result<bool> change_acl(Transaction& transaction, MailboxRef ref, const std::string& identifier, AclMode mode,
                        Rights named) {
  Database& database = transaction.database();
  MailboxRow* const mailbox = transaction.mailbox(ref.mailbox);
  if (mailbox == nullptr || mailbox->account != ref.account) return no_mailbox();
  AccountRow* const account = transaction.account(ref.account);
  if (account == nullptr) return refused(transaction);
  const auto acl = read_acl(database, ref.mailbox);
  const auto entry = std::ranges::find(acl, identifier, &AclEntry::identifier);
  const auto rights = changed(entry == acl.end() ? Rights() : entry->rights, mode, named);
  if (entry == acl.end() && acl.size() >= kMostEntries)
    return std::unexpected(StoreError{ErrorCode::kCannot, "too many entries"});
  if (rights.empty())
    database.prepare("DELETE FROM acl WHERE mailbox=? AND identifier=?").bind(ref.mailbox).bind(identifier).run();
  else
    database
        .prepare(
            "INSERT INTO acl(mailbox,identifier,rights) VALUES(?,?,?) "
            "ON CONFLICT(mailbox,identifier) DO UPDATE SET rights=excluded.rights")
        .bind(ref.mailbox)
        .bind(identifier)
        .bind(rights.to_string())
        .run();
  // Who has the mailbox open looks at it again, and finds that its rights are others.
  transaction.next_modseq(*account, *mailbox);
  return true;
}

std::vector<Granted> read_granted(Database& database, std::uint32_t shard,
                                  const std::vector<std::string>& identifiers) {
  std::set<std::int64_t> mailboxes;
  auto query = database.prepare("SELECT mailbox FROM acl WHERE identifier=?");
  for (const auto& identifier : identifiers) {
    query.again().bind(identifier);
    while (query.step()) mailboxes.insert(query.integer(0));
  }
  std::vector<Granted> granted;
  for (const auto id : mailboxes) {
    const auto mailbox = read_mailbox(database, id);
    const auto account = mailbox ? read_account(database, mailbox->account) : std::nullopt;
    if (account && account->standing.holds())
      granted.push_back({account->name, to_info(*mailbox, shard), read_acl(database, id)});
  }
  return granted;
}

}  // namespace

Store::Async<Acl> Engine::acl(MailboxRef mailbox) {
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  co_return co_await read_from<Acl>(*pool_, *home, [&](Database& database) -> Result<Acl> {
    const auto row = read_mailbox(database, mailbox.mailbox);
    if (!row || row->account != mailbox.account) return no_mailbox();
    return read_acl(database, mailbox.mailbox);
  });
}

Store::Done Engine::set_acl(MailboxRef mailbox, std::string identifier, AclMode mode, Rights rights) {
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  const auto done = co_await write_to<bool>(
      *home, [&](Transaction& transaction) { return change_acl(transaction, mailbox, identifier, mode, rights); });
  if (!done) co_return std::unexpected(done.error());
  co_return Result<void>();
}

Store::Async<std::vector<Granted>> Engine::granted(std::vector<std::string> identifiers) {
  std::vector<Granted> all;
  for (const auto& home : shards_) {
    auto some = co_await read_from<std::vector<Granted>>(*pool_, *home,
                                                         [&](Database& database) -> Result<std::vector<Granted>> {
                                                           return read_granted(database, home->number(), identifiers);
                                                         });
    if (!some) co_return std::unexpected(some.error());
    std::ranges::move(*some, std::back_inserter(all));
  }
  co_return all;
}

}  // namespace quartet::store
