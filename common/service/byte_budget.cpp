#include "common/service/byte_budget.h"

namespace quartet::service {

bool ByteBudget::take(std::uint64_t octets) {
  auto taken = taken_.load(std::memory_order_relaxed);
  do {
    if (octets > most_ || taken > most_ - octets) return false;
  } while (!taken_.compare_exchange_weak(taken, taken + octets, std::memory_order_relaxed));
  return true;
}

}  // namespace quartet::service
