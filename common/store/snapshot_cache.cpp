#include "common/store/snapshot_cache.h"

#include <algorithm>

#include "common/store/rows.h"

namespace quartet::store {
namespace {

constexpr std::size_t kKeptMessages = 1'000'000;  // 40 MB
constexpr std::size_t kKeptSnapshots = 1'000;
constexpr std::size_t kMaxSlots = 10'000;

constexpr const char* kColumns = "SELECT uid,size,flags,modseq,object,internaldate FROM message";

Entry entry_of(const Statement& query) {
  return {query.number32(0), query.number32(1), query.number(2), query.number(3), query.integer(4), query.integer(5)};
}

/// Collects ascending entries into blocks.
class Builder {
 public:
  void add(const Entry& entry) {
    if (open_ == nullptr) {
      open_ = std::make_shared<Snapshot::Block>();
      open_->reserve(Snapshot::kBlockSize);
    }
    open_->push_back(entry);
    if (open_->size() >= Snapshot::kBlockSize) close();
  }
  void share(const std::shared_ptr<const Snapshot::Block>& block) {
    if (block->size() < Snapshot::kBlockSize / 4) {  // remnants of expunges are joined
      for (const Entry& entry : *block) add(entry);
      return;
    }
    close();
    blocks_.push_back(block);
  }
  Snapshot::Blocks take() {
    close();
    return std::move(blocks_);
  }

 private:
  void close() {
    if (open_ != nullptr) blocks_.push_back(std::exchange(open_, nullptr));
  }
  std::shared_ptr<Snapshot::Block> open_;
  Snapshot::Blocks blocks_;
};

Snapshot::Blocks read_all(Database& database, std::int64_t mailbox) {
  static const std::string sql = std::string(kColumns) + " WHERE mailbox=? ORDER BY uid";
  auto query = database.prepare(sql.c_str());
  query.bind(mailbox);
  Builder builder;
  while (query.step()) builder.add(entry_of(query));
  return builder.take();
}

std::vector<Entry> read_changed(Database& database, std::int64_t mailbox, std::uint64_t since) {
  static const std::string sql = std::string(kColumns) + " INDEXED BY message_modseq WHERE mailbox=? AND modseq>?";
  auto query = database.prepare(sql.c_str());
  query.bind(mailbox).bind(since);
  std::vector<Entry> entries;
  while (query.step()) entries.push_back(entry_of(query));
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.uid < b.uid; });
  return entries;
}

UidSet read_expunged(Database& database, std::int64_t mailbox, std::uint64_t since) {
  auto query = database.prepare("SELECT uid_first,uid_last FROM expunge WHERE mailbox=? AND modseq>?");
  query.bind(mailbox).bind(since);
  UidSet ranges;
  while (query.step()) ranges.push_back({query.number32(0), query.number32(1)});
  std::sort(ranges.begin(), ranges.end(), [](const UidRange& a, const UidRange& b) { return a.first < b.first; });
  return ranges;
}

/// Blocks that no change falls into are shared. `changed` and `expunged` ascend by UID.
Snapshot::Blocks apply(const Snapshot& old, const std::vector<Entry>& changed, const UidSet& expunged) {
  Builder builder;
  auto change = changed.begin();
  auto gone = expunged.begin();
  const Snapshot::Blocks& blocks = old.blocks();
  for (std::size_t n = 0; n < blocks.size(); ++n) {
    const Snapshot::Block& block = *blocks[n];
    const std::uint32_t last = block.back().uid;
    while (gone != expunged.end() && gone->last < block.front().uid) ++gone;
    const bool touched = (change != changed.end() && change->uid <= last) ||
                         (gone != expunged.end() && gone->first <= last) ||
                         // The last block takes new messages in until it is full.
                         (n + 1 == blocks.size() && block.size() < Snapshot::kBlockSize && change != changed.end());
    if (!touched) {
      builder.share(blocks[n]);
      continue;
    }
    for (const Entry& entry : block) {
      while (gone != expunged.end() && gone->last < entry.uid) ++gone;
      const bool is_gone = gone != expunged.end() && gone->first <= entry.uid;
      const bool is_changed = change != changed.end() && change->uid == entry.uid;
      if (!is_gone) builder.add(is_changed ? *change : entry);
      if (is_changed) ++change;
    }
  }
  for (; change != changed.end(); ++change) builder.add(*change);
  return builder.take();
}

Snapshot::Head head_of(Database& database, const MailboxRow& row, MailboxRef mailbox, const Snapshot* old) {
  Snapshot::Head head;
  head.mailbox = mailbox;
  head.uidvalidity = row.status.uidvalidity;
  head.uidnext = row.status.uidnext;
  head.highest_modseq = row.status.highest_modseq;
  head.recent = row.status.recent;
  auto names = read_keywords(database, row.account);
  if (old != nullptr && old->keywords() == names)
    head.keywords = old->head().keywords;
  else
    head.keywords = std::make_shared<const std::vector<std::string>>(std::move(names));
  return head;
}

}  // namespace

Result<SnapshotPtr> SnapshotCache::get(Database& database, MailboxRef mailbox) {
  const auto slot = slot_of(mailbox);
  const std::lock_guard lock(slot->mutex);
  // The read transaction may be older than the snapshot another thread has just made: then that one is as good.
  const auto row = read_mailbox(database, mailbox.mailbox);
  if (!row || row->account != mailbox.account) return std::unexpected(StoreError{ErrorCode::kNoMailbox, ""});
  const SnapshotPtr old = slot->newest.lock();
  if (old != nullptr && old->highest_modseq() >= row->status.highest_modseq) return old;
  Snapshot::Blocks blocks;
  if (old == nullptr || old->highest_modseq() < row->expunge_floor) {
    blocks = read_all(database, mailbox.mailbox);
  } else {
    blocks = apply(*old, read_changed(database, mailbox.mailbox, old->highest_modseq()),
                   read_expunged(database, mailbox.mailbox, old->highest_modseq()));
  }
  if (database.failed()) return std::unexpected(database.error());
  auto snapshot = std::make_shared<const Snapshot>(head_of(database, *row, mailbox, old.get()), std::move(blocks));
  slot->newest = snapshot;
  keep(snapshot);
  return snapshot;
}

SnapshotPtr SnapshotCache::advance(std::uint64_t before, Snapshot::Head head, const std::vector<Entry>& added) {
  const auto slot = slot_of(head.mailbox);
  const std::lock_guard lock(slot->mutex);
  const SnapshotPtr old = slot->newest.lock();
  if (old == nullptr || old->highest_modseq() != before) return nullptr;
  head.keywords = old->head().keywords;
  auto snapshot = std::make_shared<const Snapshot>(std::move(head), apply(*old, added, {}));
  slot->newest = snapshot;
  keep(snapshot);
  return snapshot;
}

std::shared_ptr<SnapshotCache::Slot> SnapshotCache::slot_of(const MailboxRef& mailbox) {
  const std::lock_guard lock(mutex_);
  if (slots_.size() >= kMaxSlots)
    std::erase_if(slots_,
                  [](const auto& item) { return item.second.use_count() == 1 && item.second->newest.expired(); });
  auto& slot = slots_[mailbox];
  if (slot == nullptr) slot = std::make_shared<Slot>();
  return slot;
}

void SnapshotCache::keep(const SnapshotPtr& snapshot) {
  std::vector<SnapshotPtr> dropped;  // destroyed after the lock is given back
  const std::lock_guard lock(mutex_);
  const auto same = std::find_if(kept_.begin(), kept_.end(),
                                 [&](const SnapshotPtr& other) { return other->mailbox() == snapshot->mailbox(); });
  if (same != kept_.end()) {
    kept_messages_ -= (*same)->size();
    dropped.push_back(std::move(*same));
    kept_.erase(same);
  }
  kept_.push_front(snapshot);
  kept_messages_ += snapshot->size();
  while (kept_.size() > 1 && (kept_messages_ > kKeptMessages || kept_.size() > kKeptSnapshots)) {
    kept_messages_ -= kept_.back()->size();
    dropped.push_back(std::move(kept_.back()));
    kept_.pop_back();
  }
}

}  // namespace quartet::store
