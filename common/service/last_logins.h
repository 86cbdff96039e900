// When each account logged in last, since the agent was started. Any thread.
#pragma once
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "common/base/time.h"

namespace quartet::service {

class LastLogins {
 public:
  void note(const std::string& account) {
    const std::lock_guard lock(mutex_);
    times_[account] = wall_now();
  }
  /// nullopt if there was none.
  std::optional<WallTime> last(const std::string& account) const {
    const std::lock_guard lock(mutex_);
    const auto found = times_.find(account);
    return found == times_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, WallTime> times_;
};

}  // namespace quartet::service
