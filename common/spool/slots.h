// Small containers the index is made of; all refer to things by 32-bit slots, half the size of pointers.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace quartet::spool {

using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = ~Slot{0};

/// Objects in blocks that never move; freed slots are used again.
template <typename T>
class Slab {
 public:
  Slot allocate() {
    if (free_.empty()) {
      if (size_ == blocks_.size() * kBlock) blocks_.push_back(std::make_unique<T[]>(kBlock));
      return size_++;
    }
    const Slot slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void free(Slot slot) {
    (*this)[slot] = T{};
    free_.push_back(slot);
  }
  /// Behind the last slot that was ever allocated.
  Slot end() const { return size_; }
  T& operator[](Slot slot) { return blocks_[slot / kBlock][slot % kBlock]; }
  const T& operator[](Slot slot) const { return blocks_[slot / kBlock][slot % kBlock]; }

 private:
  static constexpr std::size_t kBlock = 4096;
  std::vector<std::unique_ptr<T[]>> blocks_;
  std::vector<Slot> free_;
  Slot size_ = 0;
};

/// Each distinct text once, counted, with a place for the head of a list of its users. About 40 octets and the text for
/// each: a queue may have as many senders as messages.
class TextPool {
 public:
  /// The slot of the text; one more use. "" has a slot like any other.
  Slot acquire(std::string_view text);
  void release(Slot slot);
  /// kNoSlot if nobody uses the text.
  Slot find(std::string_view text) const;

  /// Good until the last use is released.
  std::string_view text(Slot slot) const { return entries_[slot]->text(); }
  std::uint64_t uses(Slot slot) const { return entries_[slot]->uses; }
  Slot& head(Slot slot) { return entries_[slot]->head; }
  Slot head(Slot slot) const { return entries_[slot]->head; }
  std::size_t size() const { return used_; }

  /// Calls visitor(slot) for each text in use, in no order.
  template <typename F>
  void each(F visitor) const {
    for (const auto& cell : table_)
      if (cell.slot != kNoSlot) visitor(cell.slot);
  }

 private:
  /// The text follows in the same piece of memory: it is looked at whenever the rest is.
  struct Entry {
    std::uint32_t size = 0;
    std::uint32_t uses = 0;
    Slot head = kNoSlot;

    std::string_view text() const { return {reinterpret_cast<const char*>(this + 1), size}; }
    static Entry* make(std::string_view text);
  };
  struct Freer {
    void operator()(Entry* entry) const { ::operator delete(entry); }
  };
  struct Cell {
    std::uint32_t hash = 0;
    Slot slot = kNoSlot;
  };

  /// The cell that has the text, or the empty one where it belongs. There is one: the table is never full.
  std::size_t cell_of(std::string_view text, std::uint32_t hash) const;
  void grow();
  void empty_cell(std::size_t at);

  Slab<std::unique_ptr<Entry, Freer>> entries_;
  std::vector<Cell> table_;  // open addressing with linear probing; its size is a power of two, or 0
  std::size_t used_ = 0;
};

/// Slots in the order of a key that the caller's `less(a, b)` compares: a sequence of short sorted runs. Insertion is
/// mostly at the end.
class OrderedSlots {
 public:
  static constexpr std::size_t kRun = 512;

  struct Place {
    std::size_t run = 0;
    std::size_t index = 0;
  };

  bool empty() const { return runs_.empty(); }
  Slot last() const { return runs_.back().back(); }
  Place end() const { return {runs_.size(), 0}; }
  bool at_end(Place place) const { return place.run >= runs_.size(); }
  Slot operator[](Place place) const { return runs_[place.run][place.index]; }
  Place next(Place place) const {
    if (++place.index < runs_[place.run].size()) return place;
    return {place.run + 1, 0};
  }

  /// The first slot for which before(slot) is false.
  template <typename Before>
  Place lower_bound(Before before) const;
  void insert(Place place, Slot slot);
  void erase(Place place);

 private:
  std::vector<std::vector<Slot>> runs_;  // none of them empty
};

template <typename Before>
OrderedSlots::Place OrderedSlots::lower_bound(Before before) const {
  std::size_t low = 0, high = runs_.size();
  while (low < high) {
    const auto middle = (low + high) / 2;
    if (before(runs_[middle].back())) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == runs_.size()) return {low, 0};
  std::size_t from = 0, to = runs_[low].size();
  while (from < to) {
    const auto middle = (from + to) / 2;
    if (before(runs_[low][middle])) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  return {low, from};
}

}  // namespace quartet::spool
