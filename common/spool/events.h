// What happens to recipients, for those who watch. A subscription holds a bounded number of events; what does not fit
// is counted and left out, so a slow watcher costs nobody anything. Events are in the order of the changes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "common/spool/message.h"

namespace quartet::spool {

enum class EventKind : std::uint8_t {
  kEnqueued,
  kActive,
  kDelivered,
  kDeferred,
  kBounced,
  kExpired,
  kDropped,
  kHeld,
  kReleased,
  kRescheduled,
  kRevised,  // an operator changed what the message's recipients share
};

struct Event {
  EventKind kind = EventKind::kEnqueued;
  WallTime time{};
  RecipientId recipient;
  std::string reverse_path;
  std::string address;
  std::string trace_id;
  Reply reply;
  WallTime next_attempt{};
};

class Subscription {
 public:
  explicit Subscription(std::size_t capacity) : capacity_(capacity) {}

  /// Up to `max` events in order; `lost` is how many were left out since the last call.
  std::vector<Event> take(std::size_t max, std::uint64_t* lost = nullptr);

  /// Called from a thread of the spool when events come in after take() left none. It must not call take() itself.
  void on_ready(std::function<void()> callback);

  /// The spool's side, in the order of the changes; gives what is to be called once no lock is held.
  std::function<void()> push(Event event);

 private:
  std::mutex mutex_;
  std::deque<Event> events_;
  std::size_t capacity_;
  std::uint64_t lost_ = 0;
  std::function<void()> ready_;
};

}  // namespace quartet::spool
