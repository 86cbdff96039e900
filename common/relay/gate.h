// How many octets of message bodies deliveries hold in memory at a time; who finds no room waits in line.
#pragma once
#include <cstdint>
#include <deque>

#include "common/async/wait.h"

namespace quartet::relay {

/// Loop thread only; empty when it ends.
class Gate {
 public:
  explicit Gate(std::uint64_t limit) : limit_(limit) {}

  /// In the order of the calls. A body larger than the limit goes alone. False: there was no room in time, or the wait
  /// was cancelled, and leave() is not due.
  async::Task<bool> enter(std::uint64_t octets, async::Deadline deadline);
  void leave(std::uint64_t octets);

  /// Holds for who enters from now on.
  void set_limit(std::uint64_t limit);

  std::uint64_t used() const { return used_; }

 private:
  struct Waiting {
    std::uint64_t octets;
    async::Event admitted;
  };
  bool fits(std::uint64_t octets) const { return used_ == 0 || (octets <= limit_ && used_ <= limit_ - octets); }
  void let_in();

  std::uint64_t limit_;
  std::uint64_t used_ = 0;
  std::deque<Waiting*> line_;
};

}  // namespace quartet::relay
