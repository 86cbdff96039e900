#include "common/dns/cache.h"

namespace quartet::dns {

std::size_t Cache::KeyHash::operator()(const Question& question) const {
  return std::hash<std::string>{}(question.name) ^ static_cast<std::size_t>(question.type) * 0x9E3779B97F4A7C15U;
}

std::optional<Outcome> Cache::find(const Question& question, SteadyTime now) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(question);
  if (found == index_.end()) return std::nullopt;
  const auto entry = found->second;
  if (entry->outcome.expires <= now) {
    index_.erase(found);
    entries_.erase(entry);
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return entry->outcome;
}

void Cache::put(const Question& question, const Outcome& outcome, SteadyTime now) {
  if (outcome.expires <= now || capacity_ == 0) return;
  const std::lock_guard lock(mutex_);
  if (const auto found = index_.find(question); found != index_.end()) {
    found->second->outcome = outcome;
    entries_.splice(entries_.begin(), entries_, found->second);
    return;
  }
  if (entries_.size() >= capacity_) {
    index_.erase(entries_.back().question);
    entries_.pop_back();
  }
  entries_.push_front(Entry{question, outcome});
  index_.emplace(question, entries_.begin());
}

void Cache::clear() {
  const std::lock_guard lock(mutex_);
  index_.clear();
  entries_.clear();
}

std::size_t Cache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace quartet::dns
