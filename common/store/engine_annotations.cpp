// Annotations of mailboxes and accounts (RFC 5464).
#include "common/store/engine.h"

namespace quartet::store {
namespace {

/// Whether there is such a mailbox, or, with 0 for it, such an account.
bool exists(Database& database, MailboxRef ref) {
  if (ref.mailbox == 0) {
    const auto account = read_account(database, ref.account);
    return account && account->standing.holds();
  }
  const auto row = read_mailbox(database, ref.mailbox);
  return row && row->account == ref.account;
}

std::size_t count(Database& database, MailboxRef ref) {
  auto query = database.prepare("SELECT count(*) FROM annotation WHERE account=? AND mailbox=?");
  return query.bind(ref.account).bind(ref.mailbox).step() ? query.number(0) : 0;
}

bool has(Database& database, MailboxRef ref, const AnnotationChange& change) {
  auto query = database.prepare("SELECT 1 FROM annotation WHERE account=? AND mailbox=? AND user=? AND entry=?");
  return query.bind(ref.account).bind(ref.mailbox).bind(change.user).bind(change.entry).step();
}

void write(Database& database, MailboxRef ref, const AnnotationChange& change) {
  if (!change.value) {
    database.prepare("DELETE FROM annotation WHERE account=? AND mailbox=? AND user=? AND entry=?")
        .bind(ref.account)
        .bind(ref.mailbox)
        .bind(change.user)
        .bind(change.entry)
        .run();
    return;
  }
  database
      .prepare(
          "INSERT INTO annotation(account,mailbox,user,entry,value) VALUES(?,?,?,?,?) "
          "ON CONFLICT(account,mailbox,user,entry) DO UPDATE SET value=excluded.value")
      .bind(ref.account)
      .bind(ref.mailbox)
      .bind(change.user)
      .bind(change.entry)
      .bind_blob(*change.value)
      .run();
}

}  // namespace

Store::Async<std::vector<Annotation>> Engine::annotations(MailboxRef mailbox, std::string user) {
  using Annotations = std::vector<Annotation>;
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  co_return co_await read_from<Annotations>(*pool_, *home, [&](Database& database) -> Result<Annotations> {
    if (!exists(database, mailbox)) return no_mailbox();
    Annotations found;
    auto query = database.prepare(
        "SELECT user,entry,value FROM annotation WHERE account=? AND mailbox=? AND (user='' OR user=?) ORDER BY "
        "entry,user");
    query.bind(mailbox.account).bind(mailbox.mailbox).bind(user);
    while (query.step()) found.push_back({query.text(0), query.text(1), query.text(2)});
    return found;
  });
}

Store::Done Engine::annotate(MailboxRef mailbox, std::vector<AnnotationChange> changes) {
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  const auto done = co_await write_to<bool>(*home, [&](Transaction& transaction) -> Result<bool> {
    Database& database = transaction.database();
    AccountRow* const account = transaction.account(mailbox.account);
    MailboxRow* const row = mailbox.mailbox == 0 ? nullptr : transaction.mailbox(mailbox.mailbox);
    if (account == nullptr) {
      const auto refusal = transaction.refused();
      return refusal ? std::unexpected(*refusal) : no_mailbox();
    }
    if (mailbox.mailbox != 0 && (row == nullptr || row->account != mailbox.account)) return no_mailbox();
    std::size_t added = 0;
    for (const auto& change : changes) added += change.value && !has(database, mailbox, change) ? 1 : 0;
    if (added != 0 && count(database, mailbox) + added > kMaxAnnotations)
      return std::unexpected(StoreError{ErrorCode::kCannot, "too many annotations"});
    for (const auto& change : changes) write(database, mailbox, change);
    // For those who watch it.
    if (row != nullptr)
      transaction.next_modseq(*account, *row);
    else
      transaction.next_modseq(*account);
    return true;
  });
  if (!done) co_return std::unexpected(done.error());
  co_return Result<void>();
}

}  // namespace quartet::store
