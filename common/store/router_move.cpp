// Accounts that are moved, and messages that are copied, between the stores of a Router.
#include <algorithm>
#include <map>

#include "common/log/log.h"
#include "common/store/router_calls.h"
#include "common/store/write_bodies.h"

namespace quartet::store {
namespace {

constexpr std::uint64_t kBytesAtOnce = 8 << 20;

StoreError cannot(const std::string& text) { return {ErrorCode::kCannot, text}; }

std::vector<std::string> names_of(std::uint64_t flags, const std::vector<std::string>& keywords) {
  std::vector<std::string> names;
  for (std::size_t n = 0; n < keywords.size(); ++n)
    if ((flags >> (kFirstKeywordBit + n) & 1) != 0) names.push_back(keywords[n]);
  return names;
}

/// Messages on their way, with their bytes where they are to be.
struct Carried {
  std::vector<MessageRow> rows;
  std::vector<std::string> keywords;  // of the account that they come from
  std::map<ObjectId, std::pair<OutgoingObject, journal::Location>> objects;
};

Result<Carried> read_carried(Database& database, MailboxRef from, const UidSet& uids) {
  const auto mailbox = read_mailbox(database, from.mailbox);
  if (!mailbox || mailbox->account != from.account) return no_mailbox();
  return Carried{read_messages(database, from.mailbox, uids), read_keywords(database, from.account), {}};
}

/// Nothing is changed before it is known that all of it can be.
Result<Copied> insert_carried(Transaction& transaction, MailboxRef to, const Carried& carried) {
  MailboxRow* const target = transaction.mailbox(to.mailbox);
  if (target == nullptr || target->account != to.account) return no_mailbox();
  AccountRow* const account = transaction.account(to.account);
  if (account == nullptr) return refused(transaction);
  std::uint64_t bytes = 0, used = 0;
  for (const auto& row : carried.rows) bytes += row.size, used |= row.flags;
  if (!transaction.fits(*account, bytes, carried.rows.size()) || !transaction.fits(*target, bytes, carried.rows.size()))
    return std::unexpected(StoreError{ErrorCode::kOverQuota, account->name});
  if (kMaxUid - 1 - target->status.uidnext < carried.rows.size())
    return std::unexpected(StoreError{ErrorCode::kTooLarge, "the mailbox has used up its UIDs"});
  if (!transaction.keyword_bits(*account, names_of(used, carried.keywords), true))
    return std::unexpected(StoreError{ErrorCode::kTooManyKeywords, account->name});
  Copied result;
  result.uidvalidity = target->status.uidvalidity;
  if (carried.rows.empty()) return result;
  const std::uint64_t modseq = transaction.next_modseq(*account, *target);
  for (const auto& row : carried.rows) {
    const auto& [object, location] = carried.objects.at(row.object);
    MessageRow copy = row;
    copy.object = transaction.insert_object(object.email_id, object.size, location, object.digest, 1);
    if (object.version != mime::kDigestVersion)
      transaction.database()
          .prepare("UPDATE cache SET version=? WHERE id=?")
          .bind(object.version)
          .bind(copy.object)
          .run();
    copy.flags =
        (row.flags & flag::kSystem) | *transaction.keyword_bits(*account, names_of(row.flags, carried.keywords), false);
    copy.modseq = modseq;
    result.uids.emplace_back(row.uid, transaction.insert_message(*account, *target, copy));
  }
  return result;
}

/// Of what was written and has no row yet.
using Guards = std::vector<std::unique_ptr<Bodies::Guard>>;

/// Writes what the messages need into the other store.
Store::Done copy_bytes(Engine& source, MailboxRef from, Engine& target, Carried& carried, Guards& guards) {
  std::vector<ObjectId> wanted;
  for (const auto& row : carried.rows) wanted.push_back(row.object);
  while (!wanted.empty()) {
    using Objects = std::vector<OutgoingObject>;
    auto objects = co_await read_from<Objects>(source.readers(), source.shard(from.shard),
                                               [&](Database& database) -> Result<Objects> {
                                                 return read_objects(database, source.bodies(), wanted, kBytesAtOnce);
                                               });
    if (!objects) co_return std::unexpected(objects.error());
    std::vector<Bodies::Body> bodies;
    for (auto& object : *objects) bodies.push_back({std::move(object.bytes), object.email_id, wall_now()});
    guards.push_back(std::make_unique<Bodies::Guard>(target.bodies()));
    const auto locations = co_await write_bodies(*guards.back(), std::move(bodies));
    if (!locations) co_return std::unexpected(locations.error());
    wanted.erase(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(objects->size()));
    for (std::size_t n = 0; n < objects->size(); ++n) {
      const auto id = (*objects)[n].object;
      carried.objects.try_emplace(id, std::move((*objects)[n]), (*locations)[n]);
    }
  }
  co_return Result<void>();
}

}  // namespace

Store::Async<Copied> Router::copy(MailboxRef from, UidSet uids, MailboxRef to) {
  return transfer(from, std::move(uids), to, false);
}

Store::Async<Copied> Router::move(MailboxRef from, UidSet uids, MailboxRef to) {
  return transfer(from, std::move(uids), to, true);
}

Store::Async<Copied> Router::transfer(MailboxRef from, UidSet uids, MailboxRef to, bool moves) {
  Engine* const target = owner(to);
  if (target == nullptr) co_return no_mailbox();
  auto copied = co_await by_mailbox<Copied>(from, [=, this](Engine& engine) {
    if (&engine != target) return carry(engine, from, uids, *target, to, moves);
    return moves ? engine.move(from, uids, to) : engine.copy(from, uids, to);
  });
  if (copied || copied.error().code != ErrorCode::kNoMailbox) co_return copied;
  co_return std::unexpected(co_await why_missing(*target, to, std::move(copied.error())));
}

Store::Async<Copied> Router::carry(Engine& source, MailboxRef from, UidSet uids, Engine& target, MailboxRef to,
                                   bool moves) {
  auto carried = co_await read_from<Carried>(source.readers(), source.shard(from.shard),
                                             [&](Database& database) { return read_carried(database, from, uids); });
  if (!carried) co_return std::unexpected(carried.error());
  if (moves) {
    // Better before the copies are made than behind.
    const auto row = co_await source.row_of(from);
    if (!row) co_return std::unexpected(row.error());
    if (*row && (*row)->standing.kind == Standing::Kind::kFenced && (*row)->standing.expires > to_micros(wall_now()))
      co_return std::unexpected(StoreError{ErrorCode::kMoving, (*row)->standing.peer});
  }
  Guards guards;
  if (const auto written = co_await copy_bytes(source, from, target, *carried, guards); !written)
    co_return std::unexpected(written.error());
  auto copied = co_await write_to<Copied>(
      target.shard(to.shard), [&](Transaction& transaction) { return insert_carried(transaction, to, *carried); });
  if (!copied || !moves || copied->uids.empty()) co_return copied;
  UidSet gone;
  for (const auto& [old, made] : copied->uids) gone.push_back({old, old});
  // A crash in between leaves the messages in both mailboxes.
  const auto expunged = co_await source.remove_messages(from, std::move(gone));
  if (!expunged)
    co_return std::unexpected(StoreError{ErrorCode::kBusy, "copied, but not removed: " + expunged.error().detail});
  copied->expunge_modseq = expunged->modseq;
  co_return copied;
}

Store::Async<std::string> Router::place(std::string account) {
  const auto home = co_await locate(std::move(account));
  if (!home) co_return std::unexpected(home.error());
  co_return homes_[*home].name;
}

Store::Async<std::pair<std::size_t, std::size_t>> Router::ends_of(std::string account, std::string to) {
  const auto target = named(to);
  if (!target) co_return std::unexpected(cannot("there is no store called " + to));
  forget(account);
  const auto from = co_await locate(account);
  if (!from) co_return std::unexpected(from.error());
  const auto row = co_await at(*from).row_of(std::move(account));
  if (!row) co_return std::unexpected(row.error());
  if (!*row) co_return std::unexpected(StoreError{ErrorCode::kNoMailbox, "the account has no mailboxes yet"});
  co_return std::pair(*from, *target);
}

Store::Async<AccountMoved> Router::move_account(AccountMove move) {
  const auto ends = co_await ends_of(move.account, move.to);
  if (!ends) co_return std::unexpected(ends.error());
  {
    const std::lock_guard lock(mutex_);
    if (!moving_.insert(move.account).second)
      co_return std::unexpected(StoreError{ErrorCode::kBusy, "it is being moved at the moment"});
  }
  const auto account = move.account;
  auto moved = co_await move_between(ends->first, ends->second, std::move(move));
  const std::lock_guard lock(mutex_);
  moving_.erase(account);
  known_.erase(account);
  co_return moved;
}

Store::Async<AccountMoved> Router::move_between(std::size_t from, std::size_t to, AccountMove move) {
  if (from == to) {
    auto moved = co_await look_at_move(move.account, move.to);
    if (moved) moved->done = true;
    co_return moved;
  }
  Mover mover({at(from), homes_[from].name}, {at(to), homes_[to].name}, move, checkpoint_);
  auto moved = co_await mover.run();
  if (!moved || !moved->done) co_return moved;
  log::info("store.account_moved", {{"account", move.account},
                                    {"from", moved->from},
                                    {"to", moved->to},
                                    {"messages", moved->messages},
                                    {"bytes", moved->bytes}});
  // Not by way of a store that may be given up one day.
  if (from != 0 && to != 0)
    if (const auto pointed = co_await point_to(move.account, to); !pointed) co_return std::unexpected(pointed.error());
  co_return moved;
}

Store::Async<AccountMoved> Router::look_at_move(std::string account, std::string to) {
  const auto ends = co_await ends_of(account, std::move(to));
  if (!ends) co_return std::unexpected(ends.error());
  const auto whole = co_await at(ends->first).row_of(account);
  if (!whole) co_return std::unexpected(whole.error());
  const auto copy = co_await at(ends->second).row_of(account);
  if (!copy) co_return std::unexpected(copy.error());
  AccountMoved seen;
  seen.from = homes_[ends->first].name;
  seen.to = homes_[ends->second].name;
  if (*whole) seen.messages = (*whole)->used_messages, seen.bytes = (*whole)->used_bytes;
  if (*copy) seen.messages_copied = (*copy)->used_messages, seen.bytes_copied = (*copy)->used_bytes;
  seen.done = ends->first == ends->second;
  co_return seen;
}

// First the row of the store that has the account: then no run can take it away any more that has begun before.
Store::Done Router::stop_move(std::string account, std::size_t from, std::size_t to, std::string run) {
  const auto here = co_await write_to<bool>(at(from).home_of(account), [&](Transaction& transaction) -> Result<bool> {
    AccountRow* const row = transaction.account_anyhow(account);
    if (row == nullptr) return database_error(transaction.database());
    if (row->standing.holds()) transaction.set_standing(*row, {});
    return row->standing.holds();
  });
  if (!here) co_return std::unexpected(here.error());
  if (!*here) co_return std::unexpected(cannot("it has just been moved"));
  const auto dropped = co_await write_to<bool>(at(to).home_of(account), [&](Transaction& transaction) -> Result<bool> {
    const auto row = incoming_account(transaction, account, run);
    if (!row) return std::unexpected(row.error());
    drop_incoming(transaction, **row);
    return true;
  });
  if (!dropped) co_return std::unexpected(dropped.error());
  co_return Result<void>();
}

Store::Async<AccountMoved> Router::abort_move(std::string account) {
  forget(account);
  const auto from = co_await locate(account);
  if (!from) co_return std::unexpected(from.error());
  for (std::size_t to = 0; to < homes_.size(); ++to) {
    const auto copy = co_await at(to).row_of(account);
    if (!copy) co_return std::unexpected(copy.error());
    if (!*copy || (*copy)->standing.kind != Standing::Kind::kIncoming) continue;
    auto seen = co_await look_at_move(account, homes_[to].name);
    if (!seen) co_return seen;
    const auto stopped = co_await stop_move(account, *from, to, (*copy)->standing.move);
    if (!stopped) co_return std::unexpected(stopped.error());
    co_return seen;
  }
  co_return co_await stay(std::move(account), *from);
}

/// Takes away the mark of a move that has nothing in another store: it has come no further than the mark, or its store
/// is none of ours any more.
Store::Async<AccountMoved> Router::stay(std::string account, std::size_t home) {
  const auto name = homes_[home].name;
  co_return co_await write_to<AccountMoved>(
      at(home).home_of(account), [&](Transaction& transaction) -> Result<AccountMoved> {
        AccountRow* const row = transaction.account_anyhow(account);
        if (row == nullptr && transaction.database().failed()) return database_error(transaction.database());
        if (row == nullptr || !row->standing.holds() || row->standing.kind == Standing::Kind::kHere)
          return std::unexpected(cannot("it is not being moved"));
        AccountMoved stopped;
        stopped.from = name;
        stopped.to = row->standing.peer;
        stopped.messages = row->used_messages;
        stopped.bytes = row->used_bytes;
        transaction.set_standing(*row, {});
        return stopped;
      });
}

Store::Async<std::uint64_t> Router::purge_moved(std::string account) {
  std::uint64_t messages = 0;
  for (const auto& home : homes_) {
    const auto purged = co_await write_to<std::uint64_t>(
        home.engine->home_of(account), [&](Transaction& transaction) -> Result<std::uint64_t> {
          AccountRow* const row = transaction.account_anyhow(account);
          if (row == nullptr || row->standing.kind != Standing::Kind::kMoved) return 0;
          return purge_left(transaction, *row);
        });
    if (!purged) co_return purged;
    messages += *purged;
  }
  co_return messages;
}

}  // namespace quartet::store
