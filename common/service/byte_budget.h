// What bounds the memory of messages that come in.
#pragma once
#include <atomic>
#include <cstdint>

namespace quartet::service {

/// Octets of messages that all sessions of a process hold in memory at a time. Any thread.
class ByteBudget {
 public:
  explicit ByteBudget(std::uint64_t most) : most_(most) {}
  /// False, and nothing is taken, if they are more than is left.
  bool take(std::uint64_t octets);
  /// Holds for what is taken from now on.
  void set_most(std::uint64_t most) { most_.store(most, std::memory_order_relaxed); }
  void give_back(std::uint64_t octets) { taken_.fetch_sub(octets, std::memory_order_relaxed); }
  std::uint64_t taken() const { return taken_.load(std::memory_order_relaxed); }
  /// Whether take() would succeed now.
  bool has_room(std::uint64_t octets) const {
    const auto most = most_.load(std::memory_order_relaxed);
    return octets <= most && taken() <= most - octets;
  }

 private:
  std::atomic<std::uint64_t> most_;
  std::atomic<std::uint64_t> taken_ = 0;
};

}  // namespace quartet::service
