#include "common/service/byte_budget.h"

namespace quartet::service {

bool ByteBudget::take(std::uint64_t octets) {
  const auto most = most_.load(std::memory_order_relaxed);
  auto taken = taken_.load(std::memory_order_relaxed);
  do {
    if (octets > most || taken > most - octets) return false;
  } while (!taken_.compare_exchange_weak(taken, taken + octets, std::memory_order_relaxed));
  return true;
}

}  // namespace quartet::service
