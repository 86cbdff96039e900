#include "common/spool/slots.h"

#include <algorithm>
#include <functional>
#include <new>

namespace quartet::spool {

namespace {

std::uint32_t hash_of(std::string_view text) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>()(text) >> 16);
}

}  // namespace

TextPool::Entry* TextPool::Entry::make(std::string_view text) {
  auto* const memory = static_cast<char*>(::operator new(sizeof(Entry) + text.size()));
  std::ranges::copy(text, memory + sizeof(Entry));
  auto* const entry = new (memory) Entry;
  entry->size = static_cast<std::uint32_t>(text.size());
  return entry;
}

std::size_t TextPool::cell_of(std::string_view wanted, std::uint32_t hash) const {
  const auto mask = table_.size() - 1;
  for (auto at = hash & mask;; at = (at + 1) & mask) {
    const auto& cell = table_[at];
    if (cell.slot == kNoSlot || (cell.hash == hash && text(cell.slot) == wanted)) return at;
  }
}

Slot TextPool::acquire(std::string_view text) {
  if (used_ >= table_.size() / 4 * 3) grow();
  const auto hash = hash_of(text);
  auto& cell = table_[cell_of(text, hash)];
  if (cell.slot == kNoSlot) {
    cell = {hash, entries_.allocate()};
    entries_[cell.slot].reset(Entry::make(text));
    ++used_;
  }
  ++entries_[cell.slot]->uses;
  return cell.slot;
}

void TextPool::release(Slot slot) {
  if (--entries_[slot]->uses != 0) return;
  empty_cell(cell_of(text(slot), hash_of(text(slot))));
  entries_.free(slot);
  --used_;
}

Slot TextPool::find(std::string_view text) const {
  return table_.empty() ? kNoSlot : table_[cell_of(text, hash_of(text))].slot;
}

void TextPool::grow() {
  std::vector<Cell> old(std::max<std::size_t>(64, table_.size() * 2));
  old.swap(table_);
  const auto mask = table_.size() - 1;
  for (const auto& cell : old) {
    if (cell.slot == kNoSlot) continue;
    auto at = cell.hash & mask;
    while (table_[at].slot != kNoSlot) at = (at + 1) & mask;
    table_[at] = cell;
  }
}

/// Moves up what stands behind and would not be found past the gap.
void TextPool::empty_cell(std::size_t at) {
  const auto mask = table_.size() - 1;
  for (auto next = (at + 1) & mask; table_[next].slot != kNoSlot; next = (next + 1) & mask) {
    const auto home = table_[next].hash & mask;
    if (((next - home) & mask) < ((next - at) & mask)) continue;
    table_[at] = table_[next];
    at = next;
  }
  table_[at] = {};
}

void OrderedSlots::insert(Place place, Slot slot) {
  if (place.run == runs_.size()) {
    // Behind everything: into the last run if it has room.
    if (runs_.empty() || runs_.back().size() >= kRun) {
      runs_.emplace_back().reserve(kRun);
      runs_.back().push_back(slot);
      return;
    }
    place = {runs_.size() - 1, runs_.back().size()};
  }
  auto& run = runs_[place.run];
  run.insert(run.begin() + static_cast<std::ptrdiff_t>(place.index), slot);
  if (run.size() <= kRun) return;
  const auto half = run.begin() + static_cast<std::ptrdiff_t>(run.size() / 2);
  std::vector<Slot> rest(half, run.end());
  rest.reserve(kRun);
  run.erase(half, run.end());
  runs_.insert(runs_.begin() + static_cast<std::ptrdiff_t>(place.run) + 1, std::move(rest));
}

void OrderedSlots::erase(Place place) {
  auto& run = runs_[place.run];
  run.erase(run.begin() + static_cast<std::ptrdiff_t>(place.index));
  if (run.empty()) {
    runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(place.run));
    return;
  }
  // Runs that shrank are joined, so that a queue that was long and is short again has few.
  if (place.run + 1 < runs_.size() && run.size() + runs_[place.run + 1].size() <= kRun / 2) {
    auto& next = runs_[place.run + 1];
    run.insert(run.end(), next.begin(), next.end());
    runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(place.run) + 1);
  }
}

}  // namespace quartet::spool
