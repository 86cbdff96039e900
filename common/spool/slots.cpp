#include "common/spool/slots.h"

namespace quartet::spool {

Slot TextPool::acquire(std::string_view text) {
  if (const auto it = by_text_.find(text); it != by_text_.end()) {
    ++entries_[it->second].uses;
    return it->second;
  }
  Slot slot;
  if (free_.empty()) {
    slot = static_cast<Slot>(entries_.size());
    entries_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  auto& entry = entries_[slot];
  entry.text = text;
  entry.uses = 1;
  entry.head = kNoSlot;
  by_text_.emplace(entry.text, slot);
  return slot;
}

void TextPool::release(Slot slot) {
  auto& entry = entries_[slot];
  if (--entry.uses != 0) return;
  by_text_.erase(entry.text);
  entry.text = {};
  free_.push_back(slot);
}

Slot TextPool::find(std::string_view text) const {
  const auto it = by_text_.find(text);
  return it == by_text_.end() ? kNoSlot : it->second;
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
