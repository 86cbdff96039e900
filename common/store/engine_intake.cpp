// Messages coming in: delivery and APPEND. Bytes first, rows second: what a crash can leave is bytes without a row.
#include <algorithm>
#include <atomic>
#include <map>

#include "common/store/engine.h"

namespace quartet::store {
namespace {

constexpr std::uint64_t kMaxMessage = 0xFFFF'FFFF;
// Parsing more than this would hold up the loop; it goes to the pool.
constexpr std::size_t kDigestHere = 64 << 10;
constexpr std::uint32_t kLastUid = kMaxUid - 1;

/// The targets of one delivery that live in one shard: they share one object.
class DeliveryJob final : public Job {
 public:
  struct Common {
    const std::vector<DeliveryTarget>& targets;
    const NewMessage& message;
    WallTime internaldate;
    std::vector<Result<Stored>>& results;
    std::atomic<std::size_t> left;
    std::optional<async::Completion<bool>> completion;
  };

  explicit DeliveryJob(Common& common) : common_(common) {}
  void add(std::size_t target) { mine_.push_back(target); }

  void run(Transaction& transaction) override {
    reserved_.clear();
    reserved_here_.clear();
    std::vector<std::pair<std::size_t, Place>> places;
    for (const std::size_t n : mine_) {
      auto place = prepare(transaction, common_.targets[n]);
      if (place)
        places.emplace_back(n, *place);
      else
        common_.results[n] = std::unexpected(std::move(place.error()));
    }
    if (places.empty()) return;
    const NewMessage& message = common_.message;
    const ObjectId object =
        transaction.insert_object(message.email_id, message.size, message.location, message.digest, places.size());
    for (const auto& [n, place] : places) common_.results[n] = insert(transaction, place, object);
  }

  void finish(const StoreError* error) override {
    if (error != nullptr)
      for (const std::size_t n : mine_) common_.results[n] = std::unexpected(*error);
    // The last shard wakes the caller, after which none of this exists any more.
    if (common_.left.fetch_sub(1) != 1) return;
    auto completion = std::move(*common_.completion);
    completion(true);
  }

 private:
  struct Place {
    AccountRow* account;
    MailboxRow* mailbox;
    std::uint64_t flags;
  };

  Result<Place> prepare(Transaction& transaction, const DeliveryTarget& target) {
    AccountRow* const account = transaction.account(target.account);
    if (account == nullptr) return database_error(transaction.database());
    const auto name = canonical_name(target.mailbox);
    if (!name) return std::unexpected(name.error());
    MailboxRow* mailbox = transaction.mailbox(*account, *name);
    if (mailbox == nullptr && !target.create_mailbox) return std::unexpected(StoreError{ErrorCode::kNoMailbox, *name});
    // A second target in the same account must find the room the first one takes.
    std::uint64_t& reserved = reserved_[account->id];
    if (!transaction.fits(*account, (reserved + 1) * common_.message.size, reserved + 1))
      return std::unexpected(StoreError{ErrorCode::kOverQuota, target.account});
    const std::uint64_t here = mailbox == nullptr ? 0 : reserved_here_[mailbox->id];
    if (mailbox != nullptr && !transaction.fits(*mailbox, (here + 1) * common_.message.size, here + 1))
      return std::unexpected(StoreError{ErrorCode::kOverQuota, *name});
    if (mailbox != nullptr && mailbox->status.uidnext >= kLastUid)
      return std::unexpected(StoreError{ErrorCode::kTooLarge, "the mailbox has used up its UIDs"});
    const auto keywords = transaction.keyword_bits(*account, target.keywords, true);
    if (!keywords) return std::unexpected(StoreError{ErrorCode::kTooManyKeywords, target.account});
    if (mailbox == nullptr) mailbox = make(transaction, *account, *name);
    if (mailbox == nullptr) return database_error(transaction.database());
    ++reserved;
    ++reserved_here_[mailbox->id];
    return Place{account, mailbox, (target.flags & flag::kSystem) | *keywords};
  }

  static MailboxRow* make(Transaction& transaction, AccountRow& account, const std::string& name) {
    for (std::size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1)) {
      const std::string_view parent = std::string_view(name).substr(0, slash);
      if (transaction.mailbox(account, parent) == nullptr) transaction.create_mailbox(account, parent, "");
    }
    return transaction.create_mailbox(account, name, "");
  }

  Stored insert(Transaction& transaction, const Place& place, ObjectId object) {
    MessageRow row;
    row.object = object;
    row.size = static_cast<std::uint32_t>(common_.message.size);
    row.flags = place.flags;
    row.modseq = transaction.next_modseq(*place.account, *place.mailbox);
    row.internaldate = to_micros(common_.internaldate);
    const std::uint32_t uid = transaction.insert_message(*place.account, *place.mailbox, row);
    return {{transaction.shard(), place.account->id, place.mailbox->id},
            uid,
            place.mailbox->status.uidvalidity,
            row.modseq};
  }

  Common& common_;
  std::vector<std::size_t> mine_;
  std::map<std::int64_t, std::uint64_t> reserved_;       // copies of this message by account
  std::map<std::int64_t, std::uint64_t> reserved_here_;  // and by mailbox
};

}  // namespace

Store::Async<std::vector<NewMessage>> Engine::take_in(std::vector<Bodies::Body> bodies) {
  std::vector<NewMessage> messages;
  for (const Bodies::Body& body : bodies) {
    if (body.bytes->size() > kMaxMessage) co_return std::unexpected(StoreError{ErrorCode::kTooLarge, ""});
    NewMessage message;
    message.email_id = body.email_id;
    message.size = body.bytes->size();
    if (body.bytes->size() <= kDigestHere)
      message.digest = mime::digest(*body.bytes);
    else
      message.digest = co_await async::offload(*pool_, [&body] { return mime::digest(*body.bytes); });
    messages.push_back(std::move(message));
  }
  const auto locations = co_await bodies_->write(std::move(bodies));
  if (!locations) co_return std::unexpected(locations.error());
  for (std::size_t n = 0; n < messages.size(); ++n) messages[n].location = (*locations)[n];
  co_return messages;
}

async::Task<std::vector<Result<Stored>>> Engine::deliver(std::vector<DeliveryTarget> targets, Bytes message,
                                                         WallTime internaldate) {
  std::vector<Result<Stored>> results(targets.size());
  if (targets.empty()) co_return results;
  const Bodies::Guard guard(*bodies_);
  std::vector<Bodies::Body> bodies;
  bodies.push_back({std::move(message), Id::make(), internaldate});
  const auto taken = co_await take_in(std::move(bodies));
  if (!taken) {
    for (auto& result : results) result = std::unexpected(taken.error());
    co_return results;
  }
  DeliveryJob::Common common{targets, taken->front(), internaldate, results, 0, std::nullopt};
  std::map<std::uint32_t, DeliveryJob> jobs;
  for (std::size_t n = 0; n < targets.size(); ++n)
    jobs.try_emplace(shard_of(targets[n].account), common).first->second.add(n);
  common.left = jobs.size();
  co_await async::from_callback<bool>([&](async::Completion<bool> completion) {
    common.completion.emplace(std::move(completion));
    // The last one submitted may end everything this frame owns only after this coroutine was resumed on this thread.
    for (auto& [number, job] : jobs) shard(number).submit(job);
  });
  co_return results;
}

Store::Async<Appended> Engine::append(MailboxRef mailbox, std::vector<AppendMessage> messages, bool claims_recent) {
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  const Bodies::Guard guard(*bodies_);
  const WallTime now = wall_now();
  std::vector<Bodies::Body> bodies;
  std::uint64_t total = 0;
  for (const AppendMessage& message : messages) {
    bodies.push_back({message.bytes, Id::make(), message.internaldate.value_or(now)});
    total += message.bytes->size();
  }
  const auto taken = co_await take_in(std::move(bodies));
  if (!taken) co_return std::unexpected(taken.error());
  co_return co_await write_to<Appended>(*home, [&](Transaction& transaction) -> Result<Appended> {
    MailboxRow* const row = transaction.mailbox(mailbox.mailbox);
    if (row == nullptr || row->account != mailbox.account) return no_mailbox();
    AccountRow* const account = transaction.account(row->account);
    if (account == nullptr) return database_error(transaction.database());
    if (!transaction.fits(*account, total, messages.size()) || !transaction.fits(*row, total, messages.size()))
      return std::unexpected(StoreError{ErrorCode::kOverQuota, account->name});
    if (kLastUid - row->status.uidnext < messages.size())
      return std::unexpected(StoreError{ErrorCode::kTooLarge, "the mailbox has used up its UIDs"});
    std::vector<std::string> keywords;
    for (const AppendMessage& message : messages)
      keywords.insert(keywords.end(), message.keywords.begin(), message.keywords.end());
    if (!transaction.keyword_bits(*account, keywords, true))
      return std::unexpected(StoreError{ErrorCode::kTooManyKeywords, account->name});
    Appended result;
    result.uidvalidity = row->status.uidvalidity;
    result.modseq = transaction.next_modseq(*account, *row);
    for (std::size_t n = 0; n < messages.size(); ++n) {
      const NewMessage& taken_in = (*taken)[n];
      MessageRow message;
      message.object =
          transaction.insert_object(taken_in.email_id, taken_in.size, taken_in.location, taken_in.digest, 1);
      message.size = static_cast<std::uint32_t>(taken_in.size);
      message.flags =
          (messages[n].flags & flag::kSystem) | *transaction.keyword_bits(*account, messages[n].keywords, true);
      message.modseq = result.modseq;
      message.internaldate = to_micros(messages[n].internaldate.value_or(now));
      result.uids.push_back(transaction.insert_message(*account, *row, message));
    }
    if (claims_recent) result.recent = row->claim_recent();
    return result;
  });
}

}  // namespace quartet::store
