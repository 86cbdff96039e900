// One change of the queue that an operator asks for: its request is checked, carried out in steps, and in the log.
#pragma once
#include <grpcpp/support/status.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/control/response_stream.h"
#include "common/spool/spool.h"
#include "quartet/control/v1/queue.pb.h"

namespace quartet::relay {
class Relay;
}

namespace quartet::control {

class Operation {
 public:
  using Verb = v1::ChangeQueueRequest::Verb;

  /// `relay` is null where the agent has none. `peer` as peer_of() has it.
  Operation(spool::Spool& spool, relay::Relay* relay, Verb verb, v1::ChangeRequest request, std::string peer);
  ~Operation();
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  /// Not OK: the request makes no sense, or one of its guards forbids it, and nothing is changed.
  grpc::Status begin();
  /// Sees to some more recipients, for a moment; false when all are seen to.
  bool step();

  std::uint64_t matched() const { return matched_; }
  std::uint64_t done() const { return next_; }
  v1::ChangeResponse counts() const;

 private:
  grpc::Status prepare();
  grpc::Status prepare_order();

  spool::Spool& spool_;
  relay::Relay* relay_;
  const Verb verb_;
  const v1::ChangeRequest request_;
  const std::string peer_;
  spool::Filter filter_;
  spool::Order order_;
  std::vector<spool::RecipientId> recipients_;
  std::uint64_t matched_ = 0;
  std::uint64_t next_ = 0;
  spool::Affected affected_;
  std::string refused_ = "ended before its end";  // for the log; empty: it was done
};

/// QueueService.ChangeQueue.
class OperationStream final : public ResponseStream<v1::ChangeQueueResponse> {
 public:
  OperationStream(Calls& calls, std::unique_ptr<Operation> operation)
      : ResponseStream(calls), operation_(std::move(operation)) {}

  void tick() override {}

 private:
  Step produce(v1::ChangeQueueResponse& response) override;

  std::unique_ptr<Operation> operation_;
  bool begun_ = false;
};

}  // namespace quartet::control
