#include "common/control/watch.h"

#include "common/control/convert.h"

namespace quartet::control {
namespace {

constexpr std::size_t kEventsPerResponse = 200;

}  // namespace

std::shared_ptr<Watch> Watch::make(Calls& calls, spool::Spool& spool, spool::Filter filter, std::size_t buffer) {
  std::shared_ptr<Watch> watch(new Watch(calls, std::move(filter), spool.subscribe(buffer)));
  watch->subscription_->on_ready([weak = std::weak_ptr<ResponseStream>(watch)] {
    if (const auto stream = weak.lock()) stream->wake();
  });
  return watch;
}

Watch::Step Watch::produce(v1::WatchQueueResponse& response) {
  std::uint64_t lost = 0;
  const auto events = subscription_->take(kEventsPerResponse, &lost);
  for (const auto& event : events)
    if (matches(filter_, event)) fill(*response.add_event(), event);
  response.set_lost(lost);
  if (response.event_size() != 0 || lost != 0) return Step::kWrite;
  return events.empty() ? Step::kNothing : Step::kAgain;
}

}  // namespace quartet::control
