#include "common/relay/verdict_cache.h"

#include <iterator>
#include <utility>

namespace quartet::relay {

const Verdict* VerdictCache::find(std::string_view key, SteadyTime now) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  const auto entry = found->second;
  if (entry->until <= now) {
    erase(entry);
    return nullptr;
  }
  order_.splice(order_.begin(), order_, entry);
  return &entry->verdict;
}

void VerdictCache::put(std::string key, Verdict verdict, SteadyTime until) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) erase(found->second);
  if (most_ == 0) return;
  while (order_.size() >= most_) erase(std::prev(order_.end()));
  order_.push_front({std::move(key), std::move(verdict), until});
  by_key_.emplace(order_.front().key, order_.begin());
}

void VerdictCache::erase(std::list<Entry>::iterator entry) {
  by_key_.erase(entry->key);
  order_.erase(entry);
}

}  // namespace quartet::relay
