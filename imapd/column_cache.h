// Columns: one thing about messages in the form in which FETCH sends it or SEARCH looks through it, kept in memory and
// shared by all sessions. Without them each command asks the store anew and brings what it gives into that form again.
//
// A column of a mailbox is in blocks by UID. What a message is never changes, so a block never does: one with more
// messages takes its place.
#pragma once
#include <compare>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/mime/digest.h"
#include "common/store/types.h"

namespace quartet::imapd {

struct Column {
  enum class Kind : std::uint8_t {
    kEnvelope,  // as the store has it
    kBody,
    kBodyStructure,
    kPreview,
    kFields,    // what BODY[HEADER.FIELDS (...)] has; `which`: mime::KeptFields
    kSearched,  // as mime::casemap() gives it; `which`: the number of the field, see stored_field_number()
    kSorted,    // what SORT compares; `which`: a SortCriterion::Kind
    kSent,      // what sent_time() reads
    kThread,    // what read_thread() reads
  };
  Kind kind = Kind::kEnvelope;
  std::uint64_t which = 0;

  /// What of the store it is made of: a mask of store::cached.
  unsigned source() const;
  /// Appends what the column has of a message. False: it cannot be made of what the store keeps.
  bool append(std::string& out, const store::CachedItem& item) const;
  /// The same of those that are made of headers.
  void append(std::string& out, const mime::StoredHeaders& headers) const;

  friend auto operator<=>(const Column&, const Column&) = default;
};

/// Texts of messages, ascending by UID. Immutable once it is shared.
class ColumnBlock {
 public:
  /// For so many messages and about so many octets of texts.
  void reserve(std::size_t messages, std::size_t octets);
  /// Of higher UIDs than all before.
  void add(std::uint32_t uid, std::string_view text);
  /// The same in two steps: the text is what is appended to this one meanwhile.
  std::string& text() { return text_; }
  void end_of(std::uint32_t uid);

  std::size_t size() const { return uids_.size(); }
  std::uint32_t uid(std::size_t row) const { return uids_[row]; }
  std::string_view text(std::size_t row) const;
  /// The first row with this UID or a higher one, from a row on that is not behind it.
  std::size_t row_of(std::uint32_t uid, std::size_t from = 0) const;
  bool has(std::uint32_t uid) const;
  std::size_t octets() const;
  std::size_t text_octets() const { return text_.size(); }
  /// No more is added: gives back what was reserved in vain, if it is worth a copy.
  void shrink();

 private:
  std::vector<std::uint32_t> uids_;
  std::vector<std::uint32_t> ends_;
  std::string text_;
};
using ColumnBlockPtr = std::shared_ptr<const ColumnBlock>;

/// Bounded: the block that was not asked for the longest goes first. Any thread.
class ColumnCache {
 public:
  static constexpr std::uint32_t kBlockUids = 512;
  struct Key {
    store::MailboxRef mailbox;
    std::uint32_t uidvalidity = 0;  // with it, a UID means one message for ever
    Column column;
    std::uint32_t block = 0;  // UIDs from block * kBlockUids on
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  explicit ColumnCache(std::size_t most_octets) : most_octets_(most_octets) {}

  /// Null: not there.
  ColumnBlockPtr find(const Key& key);
  /// In the place of an older one.
  void add(const Key& key, ColumnBlockPtr block);
  /// Whether columns of so many octets may be kept. A column that takes most of the room would drive out all others,
  /// and its own beginning before anybody asks for it again.
  bool has_room_for(std::size_t octets) const { return octets <= most_octets_ / 2; }
  /// What is kept.
  std::size_t octets() const;

 private:
  struct Slot {
    Key key;
    ColumnBlockPtr block;
  };
  using Slots = std::list<Slot>;

  void drop(Slots::iterator slot);

  const std::size_t most_octets_;
  mutable std::mutex mutex_;  // guards what follows
  Slots slots_;               // the one asked for last is first
  std::map<Key, Slots::iterator> by_key_;
  std::size_t octets_ = 0;
};

}  // namespace quartet::imapd
