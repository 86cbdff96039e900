// The stream of a queue's events (QueueService.WatchQueue).
#pragma once
#include <memory>

#include "common/control/response_stream.h"
#include "common/spool/spool.h"
#include "quartet/control/v1/queue.pb.h"

namespace quartet::control {

class Watch final : public ResponseStream<v1::WatchQueueResponse> {
 public:
  /// Events from now on that match `filter`; at most `buffer` wait for a slow caller.
  static std::shared_ptr<Watch> make(Calls& calls, spool::Spool& spool, spool::Filter filter, std::size_t buffer);

  void tick() override {}

 private:
  Watch(Calls& calls, spool::Filter filter, std::shared_ptr<spool::Subscription> subscription)
      : ResponseStream(calls), filter_(std::move(filter)), subscription_(std::move(subscription)) {}
  Step produce(v1::WatchQueueResponse& response) override;

  spool::Filter filter_;
  std::shared_ptr<spool::Subscription> subscription_;
};

}  // namespace quartet::control
