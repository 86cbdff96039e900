// Quota: of accounts, whose limits the directory has, and of mailboxes, whose limits are in the store.
#include <algorithm>

#include "common/store/engine.h"

namespace quartet::store {
namespace {

constexpr std::int64_t kLookAgain = 5'000'000;  // microseconds

bool has_limits(Database& database) {
  auto query = database.prepare("SELECT 1 FROM mailbox_quota LIMIT 1");
  return query.step();
}

/// What the messages of a mailbox say of its counters.
Status counted(Database& database, const MailboxRow& mailbox) {
  Status status = mailbox.status;
  auto query = database.prepare(
      "SELECT count(uid),count(CASE WHEN (flags&1)=0 THEN 1 END),count(CASE WHEN (flags&8)<>0 THEN 1 END),"
      "CAST(coalesce(sum(size),0) AS BIGINT),count(CASE WHEN uid>? THEN 1 END) FROM message WHERE mailbox=?");
  query.bind(mailbox.recent_uid).bind(mailbox.id);
  if (!query.step()) return status;
  status.messages = query.number32(0);
  status.unseen = query.number32(1);
  status.deleted = query.number32(2);
  status.size = query.number(3);
  status.recent = query.number32(4);
  return status;
}

bool same_counts(const Status& a, const Status& b) {
  return a.messages == b.messages && a.unseen == b.unseen && a.deleted == b.deleted && a.size == b.size &&
         a.recent == b.recent;
}

Result<std::uint64_t> recount_one(Transaction& transaction, const std::string& name) {
  Database& database = transaction.database();
  AccountRow* const account = transaction.account(name);
  if (account == nullptr) return refused(transaction);
  std::uint64_t wrong = 0;
  QuotaUsage used;
  for (const auto& listed : read_mailboxes(database, account->id)) {
    MailboxRow* const mailbox = transaction.mailbox(listed.id);
    if (mailbox == nullptr) return database_error(database);
    const auto status = counted(database, *mailbox);
    used.bytes += status.size;
    used.messages += status.messages;
    if (same_counts(status, mailbox->status)) continue;
    mailbox->status = status;
    mailbox->dirty = true;
    ++wrong;
  }
  if (used.bytes == account->used_bytes && used.messages == account->used_messages) return wrong;
  account->used_bytes = used.bytes;
  account->used_messages = used.messages;
  account->dirty = true;
  return wrong + 1;
}

Result<bool> change_limit(Transaction& transaction, MailboxRef ref, const QuotaLimit& limit) {
  MailboxRow* const mailbox = transaction.mailbox(ref.mailbox);
  if (mailbox == nullptr || mailbox->account != ref.account) return no_mailbox();
  if (transaction.account(ref.account) == nullptr) return refused(transaction);
  auto& database = transaction.database();
  if (limit.any())
    database
        .prepare(
            "INSERT INTO mailbox_quota(mailbox,bytes,messages) VALUES(?,?,?) "
            "ON CONFLICT(mailbox) DO UPDATE SET bytes=excluded.bytes,messages=excluded.messages")
        .bind(ref.mailbox)
        .bind(limit.bytes)
        .bind(limit.messages)
        .run();
  else
    database.prepare("DELETE FROM mailbox_quota WHERE mailbox=?").bind(ref.mailbox).run();
  mailbox->limit = limit;
  return true;
}

}  // namespace

Store::Async<std::optional<QuotaUsage>> Engine::usage(std::string account) {
  auto usage = co_await read_from<std::optional<QuotaUsage>>(
      *pool_, shard(shard_of(account)), [&account](Database& database) -> Result<std::optional<QuotaUsage>> {
        const auto row = read_account(database, account);
        if (!row) return std::nullopt;
        if (!row->standing.holds()) return elsewhere(row->standing);
        return QuotaUsage{row->used_bytes, row->used_messages, {}};
      });
  if (usage && *usage && options_.quota) (*usage)->limit = options_.quota(account);
  co_return usage;
}

Store::Async<QuotaUsage> Engine::quota(std::string account) {
  const auto made = co_await account_id(account);
  if (!made) co_return std::unexpected(made.error());
  const auto used = co_await usage(std::move(account));
  if (!used) co_return std::unexpected(used.error());
  co_return used->value_or(QuotaUsage{});
}

Store::Async<QuotaUsage> Engine::quota(MailboxRef mailbox) {
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  co_return co_await read_from<QuotaUsage>(*pool_, *home, [&](Database& database) -> Result<QuotaUsage> {
    const auto row = read_mailbox(database, mailbox.mailbox);
    if (!row || row->account != mailbox.account) return no_mailbox();
    return QuotaUsage{row->status.size, row->status.messages, read_limit(database, row->id)};
  });
}

Store::Done Engine::set_quota(MailboxRef mailbox, QuotaLimit limit) {
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  const auto done = co_await write_to<bool>(
      *home, [&](Transaction& transaction) { return change_limit(transaction, mailbox, limit); });
  limits_known_[mailbox.shard - options_.first_shard].looked = 0;
  if (!done) co_return std::unexpected(done.error());
  co_return Result<void>();
}

Store::Done Engine::check_quota(std::string account, std::uint64_t bytes, std::uint64_t messages) {
  const auto limit = options_.quota ? options_.quota(account) : QuotaLimit{};
  if (!limit.any()) co_return Result<void>();
  const auto usage = co_await quota(std::move(account));
  if (!usage) co_return std::unexpected(usage.error());
  if (!usage->fits(bytes, messages)) co_return std::unexpected(StoreError{ErrorCode::kOverQuota, ""});
  co_return Result<void>();
}

Store::Done Engine::check_mailbox_quota(std::string account, std::string mailbox, std::uint64_t bytes,
                                        std::uint64_t messages) {
  const auto number = shard_of(account);
  auto& known = limits_known_[number - options_.first_shard];
  const auto now = to_micros(wall_now());
  if (!known.any && now - known.looked < kLookAgain) co_return Result<void>();
  const auto name = canonical_name(mailbox);
  if (!name) co_return std::unexpected(name.error());
  const auto fits = co_await read_from<bool>(*pool_, shard(number), [&](Database& database) -> Result<bool> {
    known.any = has_limits(database);
    known.looked = now;
    const auto owner = known.any ? read_account(database, account) : std::nullopt;
    if (owner && !owner->standing.holds()) return elsewhere(owner->standing);
    const auto row = owner ? read_mailbox(database, owner->id, *name) : std::nullopt;
    if (!row) return true;
    return QuotaUsage{row->status.size, row->status.messages, read_limit(database, row->id)}.fits(bytes, messages);
  });
  if (!fits) co_return std::unexpected(fits.error());
  if (!*fits) co_return std::unexpected(StoreError{ErrorCode::kOverQuota, *name});
  co_return Result<void>();
}

Store::Async<std::uint64_t> Engine::recount(std::string account) {
  co_return co_await write_to<std::uint64_t>(
      shard(shard_of(account)), [&](Transaction& transaction) { return recount_one(transaction, account); });
}

}  // namespace quartet::store
