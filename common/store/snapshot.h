// Snapshot: the messages of one mailbox at one mod-sequence, immutable and shared by all sessions of the process.
//
// It is made of blocks of some hundred messages; a newer snapshot shares the blocks that did not change, so a session
// that keeps its own old view, one message more or less, costs a block and not the mailbox.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/store/types.h"

namespace quartet::store {

struct Entry {
  std::uint32_t uid = 0;
  std::uint32_t size = 0;  // RFC822.SIZE
  std::uint64_t flags = 0;
  std::uint64_t modseq = 0;
  ObjectId object = 0;
  std::int64_t internaldate = 0;  // microseconds, as to_micros gives them
};

class Snapshot {
 public:
  using Block = std::vector<Entry>;  // never empty inside a snapshot
  using Blocks = std::vector<std::shared_ptr<const Block>>;
  static constexpr std::size_t kBlockSize = 512;
  struct Head {
    MailboxRef mailbox;
    std::uint32_t uidvalidity = 0;
    std::uint32_t uidnext = 1;
    std::uint64_t highest_modseq = 1;
    std::uint32_t recent = 0;  // what claim_recent() would have given at that mod-sequence, or less
    std::shared_ptr<const std::vector<std::string>> keywords;  // name of keyword n of the account
  };

  Snapshot(Head head, Blocks blocks);

  const Head& head() const { return head_; }
  MailboxRef mailbox() const { return head_.mailbox; }
  std::uint32_t uidvalidity() const { return head_.uidvalidity; }
  std::uint32_t uidnext() const { return head_.uidnext; }
  std::uint64_t highest_modseq() const { return head_.highest_modseq; }
  /// Element n is the name of bit kFirstKeywordBit + n.
  const std::vector<std::string>& keywords() const { return *head_.keywords; }

  /// Positions count from 0: the message sequence number less one.
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const Entry& operator[](std::size_t position) const;

  /// The position of the first message with this UID or a greater one; size() if there is none.
  std::size_t lower_bound(std::uint32_t uid) const;
  std::optional<std::size_t> find(std::uint32_t uid) const;

  /// For scans: all messages in order are those of blocks()[0], then [1], ...
  const Blocks& blocks() const { return blocks_; }
  /// Position of the first message of blocks()[n].
  std::size_t block_start(std::size_t n) const { return starts_[n]; }

 private:
  std::size_t block_of(std::size_t position) const;

  Head head_;
  Blocks blocks_;
  std::vector<std::size_t> starts_;
  std::size_t size_ = 0;
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

/// What a session must tell its client to go from one view to another of the same mailbox incarnation.
struct SnapshotDelta {
  std::vector<std::size_t> expunged;  // positions in `older`, ascending: send them from the last to the first, or count
  std::vector<std::size_t> changed;   // positions in `newer` of messages that were in `older` with another modseq
  std::size_t first_new = 0;          // positions in `newer` from here on are new; newer.size() if none are
};
/// Costs the blocks that differ, not the mailbox.
SnapshotDelta compare(const Snapshot& older, const Snapshot& newer);

/// `newer`, but with the messages of `older` that it no longer has: the view of a session which may not be told of
/// expunges now (RFC 9051 section 7.5.1).
SnapshotPtr keep_expunged(const Snapshot& older, const SnapshotPtr& newer);

}  // namespace quartet::store
