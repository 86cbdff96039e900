#include "common/service/tally.h"

namespace quartet::service {

bool Tally::enter(const std::string& key, std::size_t most) {
  if (most == 0) return false;
  const std::lock_guard lock(mutex_);
  auto& count = counts_[key];
  if (count >= most) return false;
  ++count;
  return true;
}

void Tally::leave(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(key);
  if (found != counts_.end() && --found->second == 0) counts_.erase(found);
}

std::size_t Tally::count(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(key);
  return found == counts_.end() ? 0 : found->second;
}

}  // namespace quartet::service
