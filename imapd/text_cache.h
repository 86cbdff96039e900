// What is in memory of the segments of the index of texts: heads, and chunks of lists. Bounded: what was not asked for
// the longest goes first. Any thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>

namespace quartet::imapd {

class TextCache {
 public:
  /// Which of the things known by a number, in a shard.
  enum class Kind { kHead, kChunk, kCoverage };
  struct Key {
    Kind kind = Kind::kHead;
    std::uint32_t shard = 0;
    std::int64_t id = 0;       // of the segment; of the account for kCoverage
    std::uint64_t number = 0;  // of the chunk
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  explicit TextCache(std::size_t most_octets) : most_octets_(most_octets) {}

  /// Null if it is not there. T is what was added under such keys.
  template <typename T>
  std::shared_ptr<const T> find(const Key& key) {
    return std::static_pointer_cast<const T>(find_any(key));
  }
  /// In the place of what had that key. What would take half of all room is not kept.
  void add(const Key& key, std::shared_ptr<const void> value, std::size_t octets);

 private:
  struct Slot {
    Key key;
    std::shared_ptr<const void> value;
    std::size_t octets = 0;
  };
  using Slots = std::list<Slot>;

  std::shared_ptr<const void> find_any(const Key& key);
  void drop(Slots::iterator slot);

  const std::size_t most_octets_;
  std::mutex mutex_;  // guards what follows
  Slots slots_;       // the one asked for last is first
  std::map<Key, Slots::iterator> by_key_;
  std::size_t octets_ = 0;
};

}  // namespace quartet::imapd
