// What comes up on any thread and waits for a stream that takes it: so many, then the oldest are lost and counted.
#pragma once
#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

namespace quartet::control {

template <typename Line>
class Lines {
 public:
  static constexpr std::size_t kMost = 4096;

  /// Whether it is the first that waits: somebody must be told.
  bool put(Line line) {
    const std::lock_guard lock(mutex_);
    if (lines_.size() == kMost) {
      lines_.pop_front();
      ++lost_;
    }
    lines_.push_back(std::move(line));
    return lines_.size() == 1;
  }

  /// The oldest, and how many were lost before them.
  std::pair<std::vector<Line>, std::uint64_t> take(std::size_t most) {
    const std::lock_guard lock(mutex_);
    std::vector<Line> out;
    while (!lines_.empty() && out.size() < most) {
      out.push_back(std::move(lines_.front()));
      lines_.pop_front();
    }
    return {std::move(out), std::exchange(lost_, 0)};
  }

 private:
  std::mutex mutex_;
  std::deque<Line> lines_;
  std::uint64_t lost_ = 0;
};

}  // namespace quartet::control
