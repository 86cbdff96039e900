// COPY and MOVE between accounts of different shards. The index of the one cannot name what is in the other's, but both
// name the same bytes: new rows are made for them, and no byte is written again.
#include <algorithm>

#include "common/base/encoding.h"
#include "common/store/engine.h"

namespace quartet::store {
namespace {

/// A message with what the other shard needs to know of it.
struct Carried {
  MessageRow row;
  Id email_id;
  journal::Location location;
};

Result<std::vector<Carried>> read_carried(Database& source, MailboxRef from, const UidSet& uids) {
  const auto mailbox = read_mailbox(source, from.mailbox);
  if (!mailbox || mailbox->account != from.account) return no_mailbox();
  std::vector<Carried> carried;
  auto query = source.prepare("SELECT email_id,segment,offset,length,file FROM object WHERE id=?");
  for (const auto& row : read_messages(source, from.mailbox, uids)) {
    if (!query.again().bind(row.object).step())
      return std::unexpected(StoreError{ErrorCode::kCorrupt, "a message without bytes"});
    std::string_view id = query.bytes(0);
    const auto high = take_le<std::uint64_t>(id);
    const auto low = take_le<std::uint64_t>(id);
    if (!low) return std::unexpected(StoreError{ErrorCode::kCorrupt, "an email id is too short"});
    carried.push_back({row, Id(*high, *low), {query.number(1), query.number32(2), query.number32(3), query.number(4)}});
  }
  return carried;
}

/// The cached columns of an object, and the version they are of.
std::pair<mime::MessageDigest, std::int64_t> read_digest(Database& source, ObjectId object) {
  auto query = source.prepare("SELECT version,envelope,body,bodystructure,headers,parts,preview FROM cache WHERE id=?");
  mime::MessageDigest digest;
  if (!query.bind(object).step()) return {digest, 0};
  digest.envelope = query.bytes(1);
  digest.body = query.bytes(2);
  digest.bodystructure = query.bytes(3);
  digest.headers = query.bytes(4);
  digest.parts = query.bytes(5);
  digest.preview = query.bytes(6);
  return {std::move(digest), query.integer(0)};
}

std::vector<std::string> names_of(std::uint64_t flags, const std::vector<std::string>& keywords) {
  std::vector<std::string> names;
  for (std::size_t n = 0; n < keywords.size(); ++n)
    if ((flags >> (kFirstKeywordBit + n) & 1) != 0) names.push_back(keywords[n]);
  return names;
}

/// Nothing is changed before it is known that all of it can be.
Result<Copied> insert_carried(Transaction& transaction, Database& source, MailboxRef from, const UidSet& uids,
                              MailboxRef to) {
  MailboxRow* const target = transaction.mailbox(to.mailbox);
  if (target == nullptr || target->account != to.account) return no_mailbox();
  AccountRow* const account = transaction.account(to.account);
  if (account == nullptr) return refused(transaction);
  const auto carried = read_carried(source, from, uids);
  if (!carried) return std::unexpected(carried.error());
  if (source.failed()) return std::unexpected(source.error());
  Copied result;
  result.uidvalidity = target->status.uidvalidity;
  if (carried->empty()) return result;
  std::uint64_t bytes = 0;
  for (const auto& each : *carried) bytes += each.row.size;
  if (!transaction.fits(*account, bytes, carried->size()) || !transaction.fits(*target, bytes, carried->size()))
    return std::unexpected(StoreError{ErrorCode::kOverQuota, account->name});
  if (kMaxUid - 1 - target->status.uidnext < carried->size())
    return std::unexpected(StoreError{ErrorCode::kTooLarge, "the mailbox has used up its UIDs"});
  const auto keywords = read_keywords(source, from.account);
  std::uint64_t used = 0;
  for (const auto& each : *carried) used |= each.row.flags;
  if (!transaction.keyword_bits(*account, names_of(used, keywords), true))
    return std::unexpected(StoreError{ErrorCode::kTooManyKeywords, account->name});
  const std::uint64_t modseq = transaction.next_modseq(*account, *target);
  for (const auto& each : *carried) {
    const auto [digest, version] = read_digest(source, each.row.object);
    MessageRow copy = each.row;
    copy.object = transaction.insert_object(each.email_id, each.row.size, each.location, digest, 1);
    if (version != mime::kDigestVersion)
      transaction.database().prepare("UPDATE cache SET version=? WHERE id=?").bind(version).bind(copy.object).run();
    copy.flags = (each.row.flags & flag::kSystem) |
                 *transaction.keyword_bits(*account, names_of(each.row.flags, keywords), false);
    copy.modseq = modseq;
    result.uids.emplace_back(each.row.uid, transaction.insert_message(*account, *target, copy));
  }
  return result;
}

}  // namespace

// The bytes cannot go away between the look at the source and the commit: what is expunged meanwhile is released
// `release_after` later.
Store::Async<Copied> Engine::carry(MailboxRef from, UidSet uids, MailboxRef to, bool moves) {
  auto copied = co_await write_to<Copied>(shard(to.shard), [&](Transaction& transaction) -> Result<Copied> {
    auto reader = shard(from.shard).reader();
    if (!reader.ok()) return std::unexpected(reader.error());
    auto inserted = [&] {
      const ReadTransaction reading(*reader);
      return insert_carried(transaction, *reader, from, uids, to);
    }();
    // What was read in part must not stay.
    if ((*reader).failed()) transaction.database().fail((*reader).take_error());
    return inserted;
  });
  if (!copied || !moves || copied->uids.empty()) co_return copied;
  UidSet gone;
  for (const auto& [source, target] : copied->uids) gone.push_back({source, source});
  // A crash in between leaves the messages in both mailboxes.
  const auto expunged =
      co_await write_to<std::uint64_t>(shard(from.shard), [&](Transaction& transaction) -> Result<std::uint64_t> {
        MailboxRow* const row = transaction.mailbox(from.mailbox);
        if (row == nullptr || row->account != from.account) return no_mailbox();
        AccountRow* const account = transaction.account(row->account);
        if (account == nullptr) return refused(transaction);
        return transaction.expunge(*account, *row, read_messages(transaction.database(), from.mailbox, gone));
      });
  // Not to be tried again as it is: the copies are there.
  if (!expunged && (expunged.error().code == ErrorCode::kMoving || expunged.error().code == ErrorCode::kMoved))
    co_return std::unexpected(StoreError{ErrorCode::kBusy, "copied, but the source is just being moved"});
  if (!expunged) co_return std::unexpected(expunged.error());
  copied->expunge_modseq = *expunged;
  co_return copied;
}

}  // namespace quartet::store
