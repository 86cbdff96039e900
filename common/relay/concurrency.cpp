#include "common/relay/concurrency.h"

#include <algorithm>

namespace quartet::relay {

void Concurrency::on_success() {
  revive();
  window_ = std::min(static_cast<double>(limits_.maximum), window_ + 1 / window_);
}

void Concurrency::on_failure(SteadyTime now) {
  failures_ += 1 / window_;
  window_ = std::max(1.0, window_ - 1 / window_);
  // A probe that fails needs no cohort: the site had its chance.
  if (!dead_ && failures_ < 1.0 - 1e-9) return;
  dead_ = true;
  pause_ = std::clamp(pause_ * 2, limits_.first_pause, std::max(limits_.first_pause, limits_.longest_pause));
  probe_at_ = now + pause_;
  window_ = static_cast<double>(limits_.initial);
}

std::size_t Concurrency::allowed(SteadyTime now) const {
  if (dead_) return now >= probe_at_ ? 1 : 0;
  return std::max<std::size_t>(1, static_cast<std::size_t>(window_));
}

void Concurrency::set_limits(ConcurrencyLimits limits) {
  limits_ = limits;
  window_ = std::min(window_, static_cast<double>(limits_.maximum));
}

void Concurrency::revive() {
  failures_ = 0;
  dead_ = false;
  pause_ = std::chrono::seconds(0);
}

}  // namespace quartet::relay
