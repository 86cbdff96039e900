#include "common/spool/body_cache.h"

namespace quartet::spool {

void BodyCache::put(Id id, Body body) {
  if (!body || body->size() > limit_ / 4) return;
  erase(id);
  bytes_ += body->size();
  entries_.push_front({id, std::move(body)});
  by_id_[id] = entries_.begin();
  while (bytes_ > limit_) erase(entries_.back().id);
}

BodyCache::Body BodyCache::get(Id id) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, it->second);
  return it->second->body;
}

void BodyCache::erase(Id id) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return;
  bytes_ -= it->second->body->size();
  entries_.erase(it->second);
  by_id_.erase(it);
}

}  // namespace quartet::spool
