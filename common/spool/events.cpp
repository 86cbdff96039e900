#include "common/spool/events.h"

#include <utility>

namespace quartet::spool {

std::vector<Event> Subscription::take(std::size_t max, std::uint64_t* lost) {
  const std::lock_guard lock(mutex_);
  std::vector<Event> taken;
  while (!events_.empty() && taken.size() < max) {
    taken.push_back(std::move(events_.front()));
    events_.pop_front();
  }
  if (lost != nullptr) *lost = std::exchange(lost_, 0);
  return taken;
}

void Subscription::on_ready(std::function<void()> callback) {
  const std::lock_guard lock(mutex_);
  ready_ = std::move(callback);
}

std::function<void()> Subscription::push(Event event) {
  const std::lock_guard lock(mutex_);
  if (events_.size() >= capacity_) {
    ++lost_;
    return {};
  }
  events_.push_back(std::move(event));
  return events_.size() == 1 ? ready_ : std::function<void()>();
}

}  // namespace quartet::spool
