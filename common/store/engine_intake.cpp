// Messages coming in: delivery and APPEND. Bytes first, rows second: what a crash can leave is bytes without a row. The
// rows are prepared while the bytes go to the disk, and committed when they are there.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>

#include "common/store/engine.h"

namespace quartet::store {

/// Where an APPEND goes.
struct AppendPlace {
  MailboxRef mailbox;  // its shard only, if the name counts
  std::string account{}, name{};
  bool claims_recent = false;
  std::optional<MailboxRef> selected{};  // by name: who claims
  MailboxRef old_mailbox{};              // where a message goes in the place of the new one
  std::uint32_t old_uid = 0;             // 0: none does
};

namespace {

constexpr std::uint64_t kMaxMessage = 0xFFFF'FFFF;
// Taking apart more than this would hold up the loop; it goes to the pool.
constexpr std::size_t kDigestHere = 64 << 10;
constexpr std::uint32_t kLastUid = kMaxUid - 1;

/// Resumes who waits once so many parts of the work have ended.
class Countdown {
 public:
  void begin(std::size_t parts, async::Completion<bool> completion) {
    left_ = parts;
    completion_.emplace(std::move(completion));
  }
  /// A part has ended. Nothing here may be used by it afterwards.
  void release() {
    if (left_.fetch_sub(1) != 1) return;
    auto completion = std::move(*completion_);
    completion(true);
  }

 private:
  std::atomic<std::size_t> left_ = 0;
  std::optional<async::Completion<bool>> completion_;
};

/// Messages on their way to the disk, and the operations that write their rows: begun once it is known where the bytes
/// are going to be.
class Intake final : public Bodies::Writing {
 public:
  explicit Intake(std::vector<NewMessage>& messages) : messages_(messages) {}

  /// The job tells release() when it has finished.
  void add(Shard& shard, Job& job) { jobs_.emplace_back(&shard, &job); }

  /// Resumes when all have finished.
  async::Task<void> run(Bodies::Guard& guard, std::vector<Bodies::Body> bytes) {
    co_await async::from_callback<bool>([&](async::Completion<bool> completion) {
      countdown_.begin(jobs_.size() + 1,
                       std::move(completion));  // ended() is the last use that the bodies make of this
      guard.write(std::move(bytes), *this);
    });
  }

  void placed(std::vector<journal::Location> locations) override {
    for (std::size_t n = 0; n < locations.size(); ++n) messages_[n].location = locations[n];
    placed_ = true;
    for (const auto& [shard, job] : jobs_) shard->submit(*job);
  }

  void ended(std::optional<StoreError> error) override {
    error_ = std::move(error);
    if (!placed_ && !error_) placed({});  // there was nothing to write
    if (placed_) {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      wake_.notify_all();
    } else {
      for (const auto& [shard, job] : jobs_) job->finish(&*error_);
    }
    release();
  }

  /// The error if the bytes did not become durable.
  std::optional<StoreError> wait() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return ended_; });
    return error_;
  }

  void release() { countdown_.release(); }

 private:
  std::vector<NewMessage>& messages_;
  std::vector<std::pair<Shard*, Job*>> jobs_;
  bool placed_ = false;  // of the thread of the bodies
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ended_ = false;  // guarded by mutex_
  std::optional<StoreError> error_;
  Countdown countdown_;
};

/// The targets of one delivery that live in one shard: they share one object.
class DeliveryJob final : public Job {
 public:
  struct Common {
    const std::vector<DeliveryTarget>& targets;
    const NewMessage& message;
    WallTime internaldate;
    std::vector<Result<Stored>>& results;
    Intake& intake;
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

  std::optional<StoreError> settle() override { return common_.intake.wait(); }

  void finish(const StoreError* error) override {
    if (error != nullptr)
      for (const std::size_t n : mine_) common_.results[n] = std::unexpected(*error);
    common_.intake.release();
  }

 private:
  struct Place {
    AccountRow* account;
    MailboxRow* mailbox;
    std::uint64_t flags;
  };

  Result<Place> prepare(Transaction& transaction, const DeliveryTarget& target) {
    AccountRow* const account = transaction.account(target.account);
    if (account == nullptr) return refused(transaction);
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
    if (mailbox == nullptr) return refused(transaction);
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

/// All messages of one APPEND.
class AppendJob final : public Job {
 public:
  struct Common {
    const AppendPlace& place;
    const std::vector<AppendMessage>& messages;
    const std::vector<NewMessage>& taken;
    std::uint64_t bytes;
    WallTime now;
    Intake& intake;
  };

  explicit AppendJob(Common common) : common_(common) {}
  /// Once it has finished.
  Result<Appended> take(SnapshotCache& snapshots) {
    const bool plain = std::ranges::all_of(common_.messages, [](const auto& m) { return m.keywords.empty(); });
    if (result_ && plain && common_.place.old_uid == 0)
      result_->view = snapshots.advance(before_, std::move(head_), added_);
    return std::move(result_);
  }

  void run(Transaction& transaction) override {
    added_.clear();
    result_ = append(transaction);
  }
  std::optional<StoreError> settle() override { return common_.intake.wait(); }
  void finish(const StoreError* error) override {
    if (error != nullptr) result_ = std::unexpected(*error);
    common_.intake.release();
  }

 private:
  Result<Appended> append(Transaction& transaction) {
    const auto& messages = common_.messages;
    MailboxRow* const row = find(transaction);
    if (row == nullptr) {
      const auto refusal = transaction.refused();
      return refusal ? std::unexpected(*refusal) : no_mailbox();
    }
    AccountRow* const account = transaction.account(row->account);
    if (account == nullptr) return refused(transaction);
    const auto old = find_old(transaction, *account);
    if (!old) return std::unexpected(old.error());
    const auto* const gives = old->message ? &*old->message : nullptr;
    if (!have_room(transaction, *account, gives) ||
        !have_room(transaction, *row, old->mailbox == row ? gives : nullptr))
      return std::unexpected(StoreError{ErrorCode::kOverQuota, account->name});
    if (kLastUid - row->status.uidnext < messages.size())
      return std::unexpected(StoreError{ErrorCode::kTooLarge, "the mailbox has used up its UIDs"});
    std::vector<std::string> keywords;
    for (const AppendMessage& message : messages)
      keywords.insert(keywords.end(), message.keywords.begin(), message.keywords.end());
    if (!transaction.keyword_bits(*account, keywords, true))
      return std::unexpected(StoreError{ErrorCode::kTooManyKeywords, account->name});
    before_ = row->status.highest_modseq;
    Appended result;
    result.mailbox = {transaction.shard(), account->id, row->id};
    result.uidvalidity = row->status.uidvalidity;
    result.modseq = transaction.next_modseq(*account, *row);
    for (std::size_t n = 0; n < messages.size(); ++n)
      result.uids.push_back(insert(transaction, *account, *row, n, result.modseq));
    if (gives != nullptr) transaction.expunge(*account, *old->mailbox, {*gives});
    const auto& place = common_.place;
    if (place.claims_recent || place.selected == result.mailbox) result.recent = row->claim_recent();
    head_ = {result.mailbox, result.uidvalidity, row->status.uidnext, result.modseq, row->status.recent, nullptr};
    return result;
  }

  /// Null with a failed database too.
  MailboxRow* find(Transaction& transaction) {
    const auto& place = common_.place;
    if (place.name.empty()) {
      MailboxRow* const row = transaction.mailbox(place.mailbox.mailbox);
      return row != nullptr && row->account == place.mailbox.account ? row : nullptr;
    }
    const AccountRow* const account = transaction.account(place.account);
    return account == nullptr ? nullptr : transaction.mailbox(*account, place.name);
  }

  /// What goes in the place of the message that comes, if any does.
  struct Old {
    MailboxRow* mailbox = nullptr;
    std::optional<MessageRow> message{};
  };
  Result<Old> find_old(Transaction& transaction, const AccountRow& account) const {
    const auto& place = common_.place;
    if (place.old_uid == 0) return Old();
    Old old{transaction.mailbox(place.old_mailbox.mailbox)};
    if (old.mailbox == nullptr || old.mailbox->account != account.id) return no_mailbox();
    const auto found = read_messages(transaction.database(), old.mailbox->id, {{place.old_uid, place.old_uid}});
    if (found.empty()) return std::unexpected(StoreError{ErrorCode::kNoMessage, ""});
    old.message = found.front();
    return old;
  }

  /// In an account or a mailbox. `gives`: what goes from there; null for nothing.
  template <typename Row>
  bool have_room(Transaction& transaction, Row& row, const MessageRow* gives) const {
    const std::uint64_t given = gives == nullptr ? 0 : gives->size;
    const auto bytes = common_.bytes - std::min(common_.bytes, given);
    const auto messages = common_.messages.size() - (gives == nullptr ? 0 : 1);
    return (bytes == 0 && messages == 0) || transaction.fits(row, bytes, messages);
  }

  std::uint32_t insert(Transaction& transaction, AccountRow& account, MailboxRow& mailbox, std::size_t n,
                       std::uint64_t modseq) {
    const NewMessage& taken = common_.taken[n];
    const AppendMessage& message = common_.messages[n];
    MessageRow row;
    row.object = transaction.insert_object(taken.email_id, taken.size, taken.location, taken.digest, 1);
    row.size = static_cast<std::uint32_t>(taken.size);
    row.flags = (message.flags & flag::kSystem) | *transaction.keyword_bits(account, message.keywords, true);
    row.modseq = modseq;
    row.internaldate = to_micros(message.internaldate.value_or(common_.now));
    row.uid = transaction.insert_message(account, mailbox, row);
    added_.push_back({row.uid, row.size, row.flags, row.modseq, row.object, row.internaldate});
    return row.uid;
  }

  const Common common_;
  Result<Appended> result_;
  // What changed: the mailbox's mod-sequence before, its head afterwards, its new messages.
  std::uint64_t before_ = 0;
  Snapshot::Head head_;
  std::vector<Entry> added_;
};

/// Messages that are taken apart, by several threads.
class Digesting {
 public:
  Digesting(const std::vector<Bodies::Body>& bodies, std::vector<NewMessage>& messages)
      : bodies_(bodies), messages_(messages) {}

  /// One after the other, until others have taken the last.
  void take() {
    for (auto n = next_++; n < bodies_.size(); n = next_++) messages_[n].digest = mime::digest(*bodies_[n].bytes);
  }

  /// `threads`: 1 or more.
  async::Task<void> run(async::ThreadPool& pool, std::size_t threads) {
    co_await async::from_callback<bool>([&](async::Completion<bool> completion) {
      countdown_.begin(threads, std::move(completion));
      for (std::size_t n = 0; n < threads; ++n)
        pool.submit([this] {
          take();
          countdown_.release();
        });
    });
  }

 private:
  const std::vector<Bodies::Body>& bodies_;
  std::vector<NewMessage>& messages_;
  std::atomic<std::size_t> next_ = 0;
  Countdown countdown_;
};

}  // namespace

Store::Async<std::vector<NewMessage>> Engine::digest(const std::vector<Bodies::Body>& bodies) {
  std::vector<NewMessage> messages(bodies.size());
  std::uint64_t total = 0;
  for (std::size_t n = 0; n < bodies.size(); ++n) {
    const auto size = bodies[n].bytes->size();
    if (size > kMaxMessage) co_return std::unexpected(StoreError{ErrorCode::kTooLarge, ""});
    messages[n].email_id = bodies[n].email_id;
    messages[n].size = size;
    total += size;
  }
  Digesting digesting(bodies, messages);
  if (total <= kDigestHere)
    digesting.take();
  else
    co_await digesting.run(*pool_, std::min(bodies.size(), std::max<std::size_t>(options_.reader_threads, 1)));
  co_return messages;
}

async::Task<std::vector<Result<Stored>>> Engine::deliver(std::vector<DeliveryTarget> targets, Bytes message,
                                                         WallTime internaldate) {
  std::vector<Result<Stored>> results(targets.size());
  if (targets.empty()) co_return results;
  Bodies::Guard guard(*bodies_);
  std::vector<Bodies::Body> bodies;
  bodies.push_back({std::move(message), Id::make(), internaldate});
  auto messages = co_await digest(bodies);
  if (!messages) {
    for (auto& result : results) result = std::unexpected(messages.error());
    co_return results;
  }
  Intake intake(*messages);
  DeliveryJob::Common common{targets, messages->front(), internaldate, results, intake};
  std::map<std::uint32_t, DeliveryJob> jobs;
  for (std::size_t n = 0; n < targets.size(); ++n)
    jobs.try_emplace(shard_of(targets[n].account), common).first->second.add(n);
  for (auto& [number, job] : jobs) intake.add(shard(number), job);
  co_await intake.run(guard, std::move(bodies));
  co_return results;
}

Store::Async<Appended> Engine::append(MailboxRef mailbox, std::vector<AppendMessage> messages, bool claims_recent) {
  if (shard(mailbox) == nullptr) co_return no_mailbox();
  co_return co_await append_to({mailbox, "", "", claims_recent}, std::move(messages));
}

Store::Async<Appended> Engine::append(std::string account, std::string name, std::vector<AppendMessage> messages,
                                      std::optional<MailboxRef> selected) {
  auto canonical = canonical_name(name);
  if (!canonical) co_return std::unexpected(std::move(canonical.error()));
  const MailboxRef place{.shard = shard_of(account)};
  co_return co_await append_to({place, std::move(account), *std::move(canonical), false, selected},
                               std::move(messages));
}

Store::Async<Appended> Engine::replace(MailboxRef from, std::uint32_t uid, MailboxRef to, AppendMessage message) {
  if (shard(to) == nullptr || from.shard != to.shard) co_return no_mailbox();
  std::vector<AppendMessage> messages;
  messages.push_back(std::move(message));
  co_return co_await append_to({.mailbox = to, .old_mailbox = from, .old_uid = uid}, std::move(messages));
}

Store::Async<Appended> Engine::append_to(AppendPlace place, std::vector<AppendMessage> messages) {
  Bodies::Guard guard(*bodies_);
  const WallTime now = wall_now();
  std::vector<Bodies::Body> bodies;
  std::uint64_t total = 0;
  for (const AppendMessage& message : messages) {
    bodies.push_back({message.bytes, Id::make(), message.internaldate.value_or(now)});
    total += message.bytes->size();
  }
  auto taken = co_await digest(bodies);
  if (!taken) co_return std::unexpected(taken.error());
  Intake intake(*taken);
  AppendJob job({place, messages, *taken, total, now, intake});
  intake.add(*shard(place.mailbox), job);
  co_await intake.run(guard, std::move(bodies));
  co_return job.take(snapshots_);
}

}  // namespace quartet::store
