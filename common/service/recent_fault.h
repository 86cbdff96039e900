// A fault of what an agent writes to, for health checks. It counts for a while only: an agent that is sent no more work
// for it could not find out that it works again. Any thread.
#pragma once
#include <chrono>
#include <mutex>
#include <string>

namespace quartet::service {

class RecentFault {
 public:
  explicit RecentFault(std::chrono::milliseconds counts_for = std::chrono::minutes(1)) : counts_for_(counts_for) {}

  void note(std::string what);
  /// It worked.
  void clear();
  /// The last one, if it still counts; else empty.
  std::string text() const;

 private:
  const std::chrono::milliseconds counts_for_;
  mutable std::mutex mutex_;
  std::string what_;
  std::chrono::steady_clock::time_point when_;
};

}  // namespace quartet::service
