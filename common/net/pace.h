// How long a peer may take over what it has announced: some time of grace, and then a second for each so many octets.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/async/deadline.h"

namespace quartet::net {

/// Only the time that we wait for the peer counts, not what we do meanwhile.
class Pace {
 public:
  /// `rate`: octets a second; 0: no limit.
  Pace(std::chrono::milliseconds grace, std::uint64_t rate) : grace_(grace), rate_(rate) {}

  /// Something else has been announced.
  void restart() {
    octets_ = 0;
    waited_ = {};
    since_.reset();
    is_short_ = false;
  }

  /// A wait begins: by when the next octets must come, which is at most `most` from now.
  async::Deadline begin(std::chrono::milliseconds most, SteadyTime now = std::chrono::steady_clock::now()) {
    since_ = now;
    if (rate_ == 0) return async::Deadline::at(now + most);
    const auto due = std::chrono::seconds(std::min<std::uint64_t>(octets_ / rate_, 100'000'000));
    const auto left = std::max(grace_ + due - waited_, std::chrono::milliseconds(1));
    is_short_ = left < most;
    return async::Deadline::at(now + std::min(left, most));
  }
  /// Whether the pace leaves the wait that has begun less than its `most`.
  bool is_short() const { return is_short_; }
  /// It has ended and brought so many octets.
  void end(std::size_t octets, SteadyTime now = std::chrono::steady_clock::now()) {
    if (!since_) return;
    waited_ += std::chrono::duration_cast<std::chrono::milliseconds>(now - *since_);
    octets_ += octets;
    since_.reset();
    is_short_ = false;
  }

 private:
  std::chrono::milliseconds grace_;
  std::uint64_t rate_;
  std::uint64_t octets_ = 0;
  std::chrono::milliseconds waited_{0};
  std::optional<SteadyTime> since_;
  bool is_short_ = false;
};

}  // namespace quartet::net
