#include "common/store/snapshot.h"

#include <algorithm>

#include "common/base/check.h"

namespace quartet::store {

Snapshot::Snapshot(Head head, Blocks blocks) : head_(std::move(head)), blocks_(std::move(blocks)) {
  starts_.reserve(blocks_.size());
  for (const auto& block : blocks_) {
    QUARTET_CHECK(!block->empty());
    starts_.push_back(size_);
    size_ += block->size();
  }
}

std::size_t Snapshot::block_of(std::size_t position) const {
  // Most blocks are full.
  const auto guess = position / kBlockSize;
  if (guess + 1 < starts_.size() && starts_[guess] <= position && position < starts_[guess + 1]) return guess;
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), position);
  return static_cast<std::size_t>(after - starts_.begin()) - 1;
}

const Entry& Snapshot::operator[](std::size_t position) const {
  QUARTET_CHECK(position < size_);
  const std::size_t n = block_of(position);
  return (*blocks_[n])[position - starts_[n]];
}

std::size_t Snapshot::lower_bound(std::uint32_t uid) const {
  const auto block = std::partition_point(blocks_.begin(), blocks_.end(),
                                          [uid](const auto& candidate) { return candidate->back().uid < uid; });
  if (block == blocks_.end()) return size_;
  const auto entry = std::partition_point((*block)->begin(), (*block)->end(),
                                          [uid](const Entry& candidate) { return candidate.uid < uid; });
  return starts_[static_cast<std::size_t>(block - blocks_.begin())] +
         static_cast<std::size_t>(entry - (*block)->begin());
}

std::optional<std::size_t> Snapshot::find(std::uint32_t uid) const {
  const std::size_t position = lower_bound(uid);
  if (position == size_ || (*this)[position].uid != uid) return std::nullopt;
  return position;
}

namespace {

/// Walks a snapshot message by message, and over whole blocks where the other side shares them.
class Cursor {
 public:
  explicit Cursor(const Snapshot& snapshot) : snapshot_(snapshot) {}
  bool done() const { return block_ == snapshot_.blocks().size(); }
  const Entry& entry() const { return (*snapshot_.blocks()[block_])[offset_]; }
  std::size_t position() const { return snapshot_.block_start(block_) + offset_; }
  bool at_block_start() const { return offset_ == 0; }
  const Snapshot::Block* block() const { return snapshot_.blocks()[block_].get(); }
  void next() {
    if (++offset_ == block()->size()) next_block();
  }
  void next_block() {
    ++block_;
    offset_ = 0;
  }

 private:
  const Snapshot& snapshot_;
  std::size_t block_ = 0;
  std::size_t offset_ = 0;
};

bool skip_shared(Cursor& a, Cursor& b) {
  if (!a.at_block_start() || !b.at_block_start() || a.block() != b.block()) return false;
  a.next_block();
  b.next_block();
  return true;
}

}  // namespace

SnapshotDelta compare(const Snapshot& older, const Snapshot& newer) {
  SnapshotDelta delta;
  Cursor a(older);
  Cursor b(newer);
  while (!a.done() && !b.done()) {
    if (skip_shared(a, b)) continue;
    if (a.entry().uid < b.entry().uid) {
      delta.expunged.push_back(a.position());
      a.next();
    } else if (a.entry().uid == b.entry().uid) {
      if (a.entry().modseq != b.entry().modseq) delta.changed.push_back(b.position());
      a.next();
      b.next();
    } else {
      b.next();  // cannot be: UIDs only grow; a view kept by keep_expunged is always the older side
    }
  }
  for (; !a.done(); a.next()) delta.expunged.push_back(a.position());
  delta.first_new = b.done() ? newer.size() : b.position();
  return delta;
}

SnapshotPtr keep_expunged(const Snapshot& older, const SnapshotPtr& newer) {
  const SnapshotDelta delta = compare(older, *newer);
  if (delta.expunged.empty()) return newer;
  Snapshot::Blocks blocks;
  auto open = std::make_shared<Snapshot::Block>();
  const auto close = [&] {
    if (!open->empty()) blocks.push_back(std::exchange(open, std::make_shared<Snapshot::Block>()));
  };
  // Each block of `newer` is taken over as it is unless an expunged message falls inside its range of UIDs.
  auto expunged = delta.expunged.begin();
  for (const auto& block : newer->blocks()) {
    const auto missing = [&] { return expunged == delta.expunged.end() ? kMaxUid : older[*expunged].uid; };
    while (missing() < block->front().uid) open->push_back(older[*expunged++]);
    if (missing() > block->back().uid) {
      close();
      blocks.push_back(block);
      continue;
    }
    open->reserve(open->size() + block->size() + delta.expunged.size());
    for (const Entry& entry : *block) {
      while (missing() < entry.uid) open->push_back(older[*expunged++]);
      open->push_back(entry);
    }
    close();
  }
  for (; expunged != delta.expunged.end(); ++expunged) open->push_back(older[*expunged]);
  close();
  return std::make_shared<const Snapshot>(newer->head(), std::move(blocks));
}

}  // namespace quartet::store
