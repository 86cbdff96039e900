#include "common/spool/spool_impl.h"

namespace quartet::spool {

std::shared_ptr<Subscription> Spool::Impl::subscribe(std::size_t capacity) {
  auto subscription = std::make_shared<Subscription>(capacity);
  const std::lock_guard lock(mutex_);
  subscriptions_.push_back(subscription);
  return subscription;
}

std::optional<SpoolError> Spool::Impl::fault() const {
  if (const auto error = log_->fault()) return to_error(*error);
  return std::nullopt;
}

Spool::Stats Spool::Impl::stats() const {
  std::error_code error;
  const auto space = std::filesystem::space(options_.directory, error);
  const std::lock_guard lock(mutex_);
  auto stats = stats_;
  stats.disk_free_bytes = error ? 0 : space.available;
  stats.log = log_->stats();
  stats.segments = log_->segments().size();
  stats.live_bytes = live_.total_live_bytes();
  stats.cached_bytes = bodies_.bytes();
  stats.retried_records = unsaved_.size();
  return stats;
}

}  // namespace quartet::spool
