// COPY, MOVE, STORE, EXPUNGE: changes to rows, the bytes stay where they are.
#include <algorithm>

#include "common/store/engine.h"

namespace quartet::store {
namespace {

/// Keyword bits of one account as bits of another, by name. nullopt: too many keywords.
std::optional<std::vector<std::uint64_t>> map_flags(Transaction& transaction, const AccountRow& from, AccountRow& to,
                                                    const std::vector<MessageRow>& messages) {
  std::vector<std::uint64_t> result;
  if (from.id == to.id) {
    for (const MessageRow& message : messages) result.push_back(message.flags);
    return result;
  }
  const auto names = read_keywords(transaction.database(), from.id);
  for (const MessageRow& message : messages) {
    std::vector<std::string> present;
    for (std::size_t n = 0; n < names.size(); ++n)
      if ((message.flags >> (kFirstKeywordBit + n) & 1) != 0) present.push_back(names[n]);
    const auto bits = transaction.keyword_bits(to, present, true);
    if (!bits) return std::nullopt;
    result.push_back((message.flags & flag::kSystem) | *bits);
  }
  return result;
}

Result<Copied> copy_rows(Transaction& transaction, MailboxRef from, const UidSet& uids, MailboxRef to, bool moves) {
  Database& database = transaction.database();
  MailboxRow* const source = transaction.mailbox(from.mailbox);
  MailboxRow* const target = transaction.mailbox(to.mailbox);
  if (source == nullptr || source->account != from.account || target == nullptr || target->account != to.account)
    return no_mailbox();
  // One after the other: why the second is refused, or that it is not, would take the place of the first's reason.
  AccountRow* const source_account = transaction.account(from.account);
  if (source_account == nullptr) return refused(transaction);
  AccountRow* const target_account = transaction.account(to.account);
  if (target_account == nullptr) return refused(transaction);
  const auto messages = read_messages(database, from.mailbox, uids);
  Copied result;
  result.uidvalidity = target->status.uidvalidity;
  if (messages.empty()) return result;
  std::uint64_t bytes = 0;
  for (const MessageRow& message : messages) bytes += message.size;
  // A move within the account takes no more room than it gives back.
  if ((!moves || source_account != target_account) && !transaction.fits(*target_account, bytes, messages.size()))
    return std::unexpected(StoreError{ErrorCode::kOverQuota, target_account->name});
  if ((!moves || source != target) && !transaction.fits(*target, bytes, messages.size()))
    return std::unexpected(StoreError{ErrorCode::kOverQuota, target->name});
  if (kMaxUid - 1 - target->status.uidnext < messages.size())
    return std::unexpected(StoreError{ErrorCode::kTooLarge, "the mailbox has used up its UIDs"});
  const auto flags = map_flags(transaction, *source_account, *target_account, messages);
  if (!flags) return std::unexpected(StoreError{ErrorCode::kTooManyKeywords, target_account->name});
  const std::uint64_t modseq = transaction.next_modseq(*target_account, *target);
  const std::uint32_t first = transaction.copy_messages(*target_account, *target, from.mailbox, messages, modseq);
  for (std::size_t n = 0; n < messages.size(); ++n) {
    MessageRow copy = messages[n];
    copy.uid = first + static_cast<std::uint32_t>(n);
    if ((*flags)[n] != copy.flags) transaction.update_flags(*target, copy, (*flags)[n], modseq);
    result.uids.emplace_back(messages[n].uid, copy.uid);
  }
  if (moves) result.expunge_modseq = transaction.expunge(*source_account, *source, messages);
  return result;
}

/// What a STORE makes of a message's flags.
std::uint64_t changed_flags(FlagMode mode, std::uint64_t before, std::uint64_t bits) {
  switch (mode) {
    case FlagMode::kAdd:
      return before | bits;
    case FlagMode::kRemove:
      return before & ~bits;
    case FlagMode::kReplace:
      break;
  }
  return bits;
}

Result<FlagsStored> change_flags(Transaction& transaction, MailboxRef ref, const UidSet& uids,
                                 const FlagChange& change) {
  MailboxRow* const mailbox = transaction.mailbox(ref.mailbox);
  if (mailbox == nullptr || mailbox->account != ref.account) return no_mailbox();
  AccountRow* const account = transaction.account(ref.account);
  if (account == nullptr) return refused(transaction);
  const auto named = transaction.keyword_bits(*account, change.keywords, change.mode != FlagMode::kRemove);
  if (!named) return std::unexpected(StoreError{ErrorCode::kTooManyKeywords, account->name});
  const std::uint64_t bits = (change.flags & flag::kSystem) | *named;
  FlagsStored result;
  for (const MessageRow& message : read_messages(transaction.database(), ref.mailbox, uids)) {
    if (change.unchanged_since && message.modseq > *change.unchanged_since) {
      result.modified.push_back(message.uid);
      continue;
    }
    const std::uint64_t flags =
        (changed_flags(change.mode, message.flags, bits) & change.may_change) | (message.flags & ~change.may_change);
    if (flags != message.flags) {
      if (result.modseq == 0) result.modseq = transaction.next_modseq(*account, *mailbox);
      transaction.update_flags(*mailbox, message, flags, result.modseq);
    }
    result.messages.push_back({message.uid, flags, flags != message.flags ? result.modseq : message.modseq});
  }
  return result;
}

/// Those of `uids` that have all of the `flags`.
Result<Expunged> expunge_some(Transaction& transaction, MailboxRef ref, const UidSet& uids, std::uint64_t flags) {
  MailboxRow* const row = transaction.mailbox(ref.mailbox);
  if (row == nullptr || row->account != ref.account) return no_mailbox();
  AccountRow* const account = transaction.account(row->account);
  if (account == nullptr) return refused(transaction);
  Expunged result;
  if (flags == flag::kDeleted && row->status.deleted == 0) return result;
  auto messages = read_messages(transaction.database(), ref.mailbox, uids);
  std::erase_if(messages, [flags](const MessageRow& message) { return (message.flags & flags) != flags; });
  for (const MessageRow& message : messages) result.uids.push_back(message.uid);
  result.modseq = transaction.expunge(*account, *row, messages);
  return result;
}

}  // namespace

Store::Async<Copied> Engine::transfer(MailboxRef from, UidSet uids, MailboxRef to, bool moves) {
  Shard* const home = shard(from);
  if (home == nullptr || shard(to) == nullptr) co_return no_mailbox();
  if (from.shard != to.shard) co_return co_await carry(from, std::move(uids), to, moves);
  co_return co_await write_to<Copied>(
      *home, [&](Transaction& transaction) { return copy_rows(transaction, from, uids, to, moves); });
}

Store::Async<Copied> Engine::copy(MailboxRef from, UidSet uids, MailboxRef to) {
  return transfer(from, std::move(uids), to, false);
}

Store::Async<Copied> Engine::move(MailboxRef from, UidSet uids, MailboxRef to) {
  return transfer(from, std::move(uids), to, true);
}

Store::Async<FlagsStored> Engine::store_flags(MailboxRef mailbox, UidSet uids, FlagChange change) {
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  co_return co_await write_to<FlagsStored>(
      *home, [&](Transaction& transaction) { return change_flags(transaction, mailbox, uids, change); });
}

Store::Async<std::vector<Result<FlagsStored>>> Engine::store_flags(MailboxRef mailbox,
                                                                   std::vector<FlagRequest> changes) {
  using All = std::vector<Result<FlagsStored>>;
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  co_return co_await write_to<All>(*home, [&](Transaction& transaction) -> Result<All> {
    All results;
    for (const FlagRequest& request : changes)
      results.push_back(change_flags(transaction, mailbox, request.uids, request.change));
    return results;
  });
}

Store::Async<Expunged> Engine::expunge(MailboxRef mailbox, std::optional<UidSet> uids) {
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  if (!uids) uids = UidSet{{1, kMaxUid - 1}};
  co_return co_await write_to<Expunged>(
      *home, [&](Transaction& transaction) { return expunge_some(transaction, mailbox, *uids, flag::kDeleted); });
}

Store::Async<Expunged> Engine::remove_messages(MailboxRef mailbox, UidSet uids) {
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  co_return co_await write_to<Expunged>(
      *home, [&](Transaction& transaction) { return expunge_some(transaction, mailbox, uids, 0); });
}

}  // namespace quartet::store
