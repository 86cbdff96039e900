#include "imapd/text_cache.h"

#include <iterator>
#include <utility>

namespace quartet::imapd {

std::shared_ptr<const void> TextCache::find_any(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  slots_.splice(slots_.begin(), slots_, found->second);
  return found->second->value;
}

void TextCache::drop(Slots::iterator slot) {
  octets_ -= slot->octets;
  by_key_.erase(slot->key);
  slots_.erase(slot);
}

void TextCache::add(const Key& key, std::shared_ptr<const void> value, std::size_t octets) {
  const std::lock_guard lock(mutex_);
  if (const auto known = by_key_.find(key); known != by_key_.end()) drop(known->second);
  if (octets > most_octets_ / 2) return;
  slots_.push_front({key, std::move(value), octets});
  by_key_.emplace(key, slots_.begin());
  octets_ += octets;
  while (octets_ > most_octets_) drop(std::prev(slots_.end()));
}

}  // namespace quartet::imapd
