#include "common/store/mover.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "common/store/write_bodies.h"

namespace quartet::store {
namespace {

constexpr std::size_t kMessages = 500;  // of one piece
constexpr std::uint64_t kBytes = 8 << 20;
/// So few changes in a round that the rest can be copied while others wait.
constexpr std::uint64_t kLittle = 2'000;

std::int64_t micros(std::chrono::microseconds duration) { return duration.count(); }

Store::Done as_done(Result<bool> result) {
  if (!result) co_return std::unexpected(result.error());
  co_return Result<void>();
}

}  // namespace

Mover::Mover(Place from, Place to, AccountMove move, Checkpoint checkpoint)
    : from_(std::move(from)),
      to_(std::move(to)),
      move_(std::move(move)),
      checkpoint_(std::move(checkpoint)),
      deadline_(std::chrono::steady_clock::now() + move_.budget),
      id_(Id::make().to_string()) {}

Store::Done Mover::check(std::string_view step) const {
  if (checkpoint_ && !checkpoint_(step))
    co_return std::unexpected(StoreError{ErrorCode::kClosed, "ended before: " + std::string(step)});
  co_return Result<void>();
}

Store::Async<AccountMoved> Mover::run() {
  if (const auto begun = co_await begin(); !begun) co_return std::unexpected(begun.error());
  for (;;) {
    const auto round = co_await copy(false);
    if (!round) co_return std::unexpected(round.error());
    // As long as a round finds much, the next one finds less.
    if (round->complete && round->changes < kLittle) break;
    if (time_is_up()) co_return co_await report(false);
  }
  if (const auto switched = co_await switch_over(); !switched) co_return std::unexpected(switched.error());
  co_return co_await report(true);
}

Store::Done Mover::begin() {
  if (const auto ok = co_await check("begin"); !ok) co_return ok;
  const auto source = co_await begin_leaving();
  if (!source) co_return std::unexpected(source.error());
  source_ = *source;
  if (const auto ok = co_await check("begin the copy"); !ok) co_return ok;
  const auto target = co_await write_to<std::int64_t>(
      to_.engine.home_of(move_.account),
      [this](Transaction& transaction) { return begin_incoming(transaction, move_.account, from_.name, id_); });
  if (!target) co_return std::unexpected(target.error());
  target_ = *target;
  co_return Result<void>();
}

/// The account's number.
Store::Async<std::int64_t> Mover::begin_leaving() {
  co_return co_await write_to<std::int64_t>(
      from_.engine.home_of(move_.account), [this](Transaction& transaction) -> Result<std::int64_t> {
        AccountRow* const row = transaction.account_anyhow(move_.account);
        if (row == nullptr && transaction.database().failed()) return database_error(transaction.database());
        if (row == nullptr || !row->standing.holds())
          return std::unexpected(StoreError{ErrorCode::kNoMailbox, "the account is not in the store " + from_.name});
        // Also in the place of a fence: who has put it up is gone, or finds that it is not his any more.
        transaction.set_standing(*row, {Standing::Kind::kLeaving, to_.name, id_});
        return row->id;
      });
}

/// One look at all mailboxes, and the copying of what is new in them.
Store::Async<Mover::Round> Mover::copy(bool fenced) {
  using Rows = std::vector<MailboxRow>;
  const auto rows = co_await read_from<Rows>(
      from_.engine.readers(), from_.engine.home_of(move_.account),
      [this](Database& database) -> Result<Rows> { return read_mailboxes(database, source_); });
  if (!rows) co_return std::unexpected(rows.error());
  auto known = co_await match(*rows);
  if (!known) co_return std::unexpected(known.error());
  Round round;
  std::vector<IncomingMailbox> done;
  for (const auto& row : *rows) {
    const auto to = known->find(row.id);
    if (to == known->end() || to->second.synced == row.status.highest_modseq) continue;
    const auto copied = co_await copy_mailbox(row, to->second, fenced, round);
    if (!copied) co_return std::unexpected(copied.error());
    if (!round.complete) break;
    to->second.synced = row.status.highest_modseq;
    done.push_back(to->second);
  }
  if (const auto marked = co_await mark(std::move(done)); !marked) co_return std::unexpected(marked.error());
  co_return round;
}

/// Makes the mailboxes that are new, and drops those that are gone.
Store::Async<IncomingMailboxes> Mover::match(const std::vector<MailboxRow>& rows) {
  auto& engine = to_.engine;
  const auto look = [this](Database& database) -> Result<IncomingMailboxes> {
    return read_incoming(database, target_);
  };
  auto known = co_await read_from<IncomingMailboxes>(engine.readers(), engine.home_of(move_.account), look);
  if (!known) co_return known;
  std::vector<MailboxRow> missing;
  std::vector<IncomingMailbox> gone;
  for (const auto& row : rows)
    if (!known->contains(row.id)) missing.push_back(row);
  for (const auto& [source, mailbox] : *known)
    if (std::ranges::find(rows, source, &MailboxRow::id) == rows.end()) gone.push_back(mailbox);
  if (missing.empty() && gone.empty()) co_return known;
  for (bool more = true; more;) {
    const auto made =
        co_await write_to<bool>(engine.home_of(move_.account), [&](Transaction& transaction) -> Result<bool> {
          const auto account = incoming_account(transaction, move_.account, id_);
          if (!account) return std::unexpected(account.error());
          for (const auto& row : missing) put_mailbox(transaction, **account, row);
          bool left = false;
          for (const auto& mailbox : gone) left |= drop_mailbox(transaction, **account, mailbox);
          return left;
        });
    if (!made) co_return std::unexpected(made.error());
    more = *made;
  }
  co_return co_await read_from<IncomingMailboxes>(engine.readers(), engine.home_of(move_.account), look);
}

Store::Done Mover::copy_mailbox(const MailboxRow& row, IncomingMailbox& to, bool fenced, Round& round) {
  for (bool more = true; more;) {
    if (const auto ok = co_await check(fenced ? "copy the rest" : "copy"); !ok) co_return ok;
    const auto messages = co_await copy_messages(row.id, to);
    if (!messages) {
      auto error = messages.error();
      error.detail = fmt::format("{}: {}", row.name, error.detail);
      co_return std::unexpected(std::move(error));
    }
    // Behind the messages: what of them was expunged before they were read is in the log by now.
    const auto expunges = *messages == 0 ? co_await copy_expunges(row.id, to) : Result<std::size_t>(0);
    if (!expunges) co_return std::unexpected(expunges.error());
    round.changes += *messages + *expunges;
    more = *messages + *expunges != 0;
    if (!fenced && more && time_is_up()) {
      round.complete = false;
      co_return Result<void>();
    }
    if (!fenced || std::chrono::steady_clock::now() < fenced_at_ + move_.fence / 4) continue;
    const auto renewed = co_await fence();
    if (!renewed) co_return std::unexpected(renewed.error());
    if (!*renewed) co_return std::unexpected(StoreError{ErrorCode::kBusy, "the fence was taken away"});
  }
  co_return Result<void>();
}

/// A piece of them; how many.
Store::Async<std::size_t> Mover::copy_messages(std::int64_t source, IncomingMailbox& to) {
  using Messages = std::vector<OutgoingMessage>;
  auto messages = co_await read_from<Messages>(
      from_.engine.readers(), from_.engine.home_of(move_.account),
      [&](Database& database) -> Result<Messages> { return read_outgoing(database, source, to.messages, kMessages); });
  if (!messages) co_return std::unexpected(messages.error());
  if (messages->empty()) co_return 0;
  std::size_t covered = 0;
  if (const auto copied = co_await copy_objects(*messages, covered); !copied) co_return std::unexpected(copied.error());
  messages->resize(covered);
  const auto put =
      co_await write_to<bool>(to_.engine.home_of(move_.account), [&](Transaction& transaction) -> Result<bool> {
        const auto account = incoming_account(transaction, move_.account, id_);
        if (!account) return std::unexpected(account.error());
        const auto done = put_messages(transaction, **account, to.mailbox, *messages);
        if (!done) return std::unexpected(done.error());
        return true;
      });
  if (!put) co_return std::unexpected(put.error());
  to.messages = {messages->back().row.modseq, messages->back().row.uid};
  co_return covered;
}

/// Those that the messages need and that are not there yet. `covered`: how many of the messages have theirs then.
Store::Done Mover::copy_objects(const std::vector<OutgoingMessage>& messages, std::size_t& covered) {
  using Ids = std::vector<ObjectId>;
  // In the order of the messages: the first ones have theirs first.
  Ids wanted;
  std::set<ObjectId> seen;
  for (const auto& message : messages)
    if (seen.insert(message.row.object).second) wanted.push_back(message.row.object);
  const auto known = co_await read_from<Ids>(
      to_.engine.readers(), to_.engine.home_of(move_.account),
      [&](Database& database) -> Result<Ids> { return known_objects(database, target_, wanted); });
  if (!known) co_return std::unexpected(known.error());
  const std::set<ObjectId> there(known->begin(), known->end());
  std::erase_if(wanted, [&](ObjectId object) { return there.contains(object); });
  covered = messages.size();
  if (wanted.empty()) co_return Result<void>();
  using Objects = std::vector<OutgoingObject>;
  const auto objects = co_await read_from<Objects>(
      from_.engine.readers(), from_.engine.home_of(move_.account),
      [&](Database& database) { return read_objects(database, from_.engine.bodies(), wanted, kBytes); });
  const auto message_of = [&messages](ObjectId object) {
    return std::ranges::find(messages, object, [](const OutgoingMessage& each) { return each.row.object; });
  };
  if (!objects) {
    auto error = objects.error();
    error.detail = fmt::format("UID {}: {}", message_of(wanted.front())->row.uid, error.detail);
    co_return std::unexpected(std::move(error));
  }
  std::vector<Bodies::Body> bodies;
  for (const auto& object : *objects)
    bodies.push_back({object.bytes, object.email_id, from_micros(message_of(object.object)->row.internaldate)});
  Bodies::Guard guard(to_.engine.bodies());
  const auto locations = co_await write_bodies(guard, std::move(bodies));
  if (!locations) co_return std::unexpected(locations.error());
  const auto put =
      co_await write_to<bool>(to_.engine.home_of(move_.account), [&](Transaction& transaction) -> Result<bool> {
        const auto account = incoming_account(transaction, move_.account, id_);
        if (!account) return std::unexpected(account.error());
        put_objects(transaction, **account, *objects, *locations);
        return true;
      });
  if (!put) co_return std::unexpected(put.error());
  const std::set<ObjectId> left(wanted.begin() + static_cast<std::ptrdiff_t>(objects->size()), wanted.end());
  const auto first = std::ranges::find_if(
      messages, [&left](const OutgoingMessage& message) { return left.contains(message.row.object); });
  covered = static_cast<std::size_t>(first - messages.begin());
  co_return Result<void>();
}

Store::Async<std::size_t> Mover::copy_expunges(std::int64_t source, IncomingMailbox& to) {
  using Expunges = std::vector<OutgoingExpunge>;
  const auto expunges = co_await read_from<Expunges>(
      from_.engine.readers(), from_.engine.home_of(move_.account),
      [&](Database& database) -> Result<Expunges> { return read_expunges(database, source, to.expunges, kMessages); });
  if (!expunges || expunges->empty()) co_return expunges ? Result<std::size_t>(0) : std::unexpected(expunges.error());
  const auto put =
      co_await write_to<bool>(to_.engine.home_of(move_.account), [&](Transaction& transaction) -> Result<bool> {
        const auto account = incoming_account(transaction, move_.account, id_);
        if (!account) return std::unexpected(account.error());
        const auto done = put_expunges(transaction, **account, to.mailbox, *expunges);
        if (!done) return std::unexpected(done.error());
        return true;
      });
  if (!put) co_return std::unexpected(put.error());
  to.expunges = {expunges->back().modseq, expunges->back().uids.first};
  co_return expunges->size();
}

/// A note that a power cut may take back: then there is more to look at.
Store::Done Mover::mark(std::vector<IncomingMailbox> done) {
  if (done.empty()) co_return Result<void>();
  const auto marked = co_await write_to<bool>(
      to_.engine.home_of(move_.account),
      [&](Transaction& transaction) -> Result<bool> {
        const auto account = incoming_account(transaction, move_.account, id_);
        if (!account) return std::unexpected(account.error());
        for (const auto& mailbox : done) mark_synced(transaction, mailbox);
        return true;
      },
      false);
  co_return co_await as_done(std::move(marked));
}

Store::Done Mover::switch_over() {
  if (const auto ok = co_await check("fence"); !ok) co_return ok;
  const auto fenced = co_await fence();
  if (!fenced) co_return std::unexpected(fenced.error());
  if (!*fenced) co_return std::unexpected(StoreError{ErrorCode::kBusy, "another run is moving it"});
  auto switched = co_await switch_fenced();
  // Nobody has to wait for the end of the fence. Who was to end here leaves it as it is.
  if (!switched && switched.error().code != ErrorCode::kClosed) (void)co_await unfence();
  co_return switched;
}

Store::Done Mover::switch_fenced() {
  const auto rest = co_await copy(true);
  if (!rest) co_return std::unexpected(rest.error());
  if (const auto ok = co_await check("finish"); !ok) co_return ok;
  const auto all = co_await read_from<OutgoingAccount>(from_.engine.readers(), from_.engine.home_of(move_.account),
                                                       [this](Database& database) -> Result<OutgoingAccount> {
                                                         const auto row = read_account(database, source_);
                                                         if (!row) return database_error(database);
                                                         return read_outgoing_account(database, *row);
                                                       });
  if (!all) co_return std::unexpected(all.error());
  auto& home = to_.engine.home_of(move_.account);
  const auto finished = co_await write_to<bool>(home, [&](Transaction& transaction) -> Result<bool> {
    const auto account = incoming_account(transaction, move_.account, id_);
    if (!account) return std::unexpected(account.error());
    const auto done = finish_incoming(transaction, **account, *all);
    if (!done) return std::unexpected(done.error());
    return true;
  });
  if (!finished) co_return std::unexpected(finished.error());
  if (const auto ok = co_await check("seal"); !ok) co_return ok;
  const auto sealed = co_await seal();
  if (!sealed) co_return std::unexpected(sealed.error());
  if (!*sealed) co_return std::unexpected(StoreError{ErrorCode::kBusy, "it took too long: the account was changed"});
  if (const auto ok = co_await check("activate"); !ok) co_return ok;
  co_return co_await as_done(co_await write_to<bool>(
      home, [this](Transaction& transaction) { return activate(transaction, move_.account, id_); }));
}

/// Puts it up, or lets it last longer; false if another run was faster, or a fence has ended.
Store::Async<bool> Mover::fence() {
  const auto expected = fenced_at_ == Deadline() ? Standing::Kind::kLeaving : Standing::Kind::kFenced;
  fenced_at_ = std::chrono::steady_clock::now();
  co_return co_await write_to<bool>(
      from_.engine.home_of(move_.account), [this, expected](Transaction& transaction) -> Result<bool> {
        AccountRow* const row = transaction.account_anyhow(move_.account);
        if (row == nullptr) return refused(transaction);
        if (row->standing.kind != expected || row->standing.move != id_) return false;
        transaction.set_standing(*row,
                                 {Standing::Kind::kFenced, to_.name, id_, transaction.now() + micros(move_.fence)});
        return true;
      });
}

Store::Done Mover::unfence() {
  const auto done = co_await write_to<bool>(from_.engine.home_of(move_.account), [this](Transaction& transaction) {
    AccountRow* const row = transaction.account_anyhow(move_.account);
    const bool ours = row != nullptr && row->standing.kind == Standing::Kind::kFenced && row->standing.move == id_;
    if (ours) transaction.set_standing(*row, {});
    return Result<bool>(ours);
  });
  co_return co_await as_done(done);
}

/// The move itself; false if the fence has ended.
Store::Async<bool> Mover::seal() {
  co_return co_await write_to<bool>(
      from_.engine.home_of(move_.account), [this](Transaction& transaction) -> Result<bool> {
        AccountRow* const row = transaction.account_anyhow(move_.account);
        if (row == nullptr) return refused(transaction);
        const auto& standing = row->standing;
        // It may be carried out twice, if the answer of a database was lost.
        if (standing.kind == Standing::Kind::kMoved) return standing.move == id_;
        if (standing.kind != Standing::Kind::kFenced || standing.move != id_) return false;
        Database& database = transaction.database();
        for (const auto& mailbox : read_mailboxes(database, row->id)) transaction.hint(mailbox);
        // Nobody finds them any more by the account; what sessions have open of their bytes can still be read.
        database.prepare("UPDATE mailbox SET account=? WHERE account=?").bind(-row->id).bind(row->id).run();
        row->used_bytes = row->used_messages = 0;
        // For those who watch by asking for the mod-sequence from time to time.
        ++row->modseq;
        row->dirty = true;
        transaction.set_standing(*row, {Standing::Kind::kMoved, to_.name, id_});
        return true;
      });
}

Store::Async<AccountMoved> Mover::report(bool done) {
  AccountMoved moved;
  moved.from = from_.name;
  moved.to = to_.name;
  moved.done = done;
  const auto from = co_await from_.engine.row_of(move_.account);
  if (!from) co_return std::unexpected(from.error());
  const auto to = co_await to_.engine.row_of(move_.account);
  if (!to) co_return std::unexpected(to.error());
  if (*to) moved.messages_copied = (*to)->used_messages, moved.bytes_copied = (*to)->used_bytes;
  const auto& whole = done ? *to : *from;
  if (whole) moved.messages = whole->used_messages, moved.bytes = whole->used_bytes;
  co_return moved;
}

}  // namespace quartet::store
