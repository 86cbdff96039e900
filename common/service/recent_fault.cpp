#include "common/service/recent_fault.h"

#include <utility>

namespace quartet::service {

void RecentFault::note(std::string what) {
  const std::lock_guard lock(mutex_);
  what_ = std::move(what);
  when_ = std::chrono::steady_clock::now();
}

void RecentFault::clear() {
  const std::lock_guard lock(mutex_);
  what_.clear();
}

std::string RecentFault::text() const {
  const std::lock_guard lock(mutex_);
  return std::chrono::steady_clock::now() - when_ < counts_for_ ? what_ : std::string();
}

}  // namespace quartet::service
