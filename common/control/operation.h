// One change of the queue that an operator asks for: its request is checked, carried out in steps, and in the log and
// among the operations.
#pragma once
#include <grpcpp/support/status.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/control/message_change.h"
#include "common/control/operations.h"
#include "common/control/order.h"
#include "common/control/response_stream.h"
#include "common/spool/spool.h"
#include "quartet/control/v1/queue.pb.h"

namespace quartet::control {

class Peers;

class Operation {
 public:
  using Verb = ChangeVerb;

  /// What operations work on; all of it outlives them.
  struct Means {
    spool::Spool& spool;
    relay::Relay* relay;  // null: the agent has none
    Operations& operations;
    Rewrite rewrite = {};          // see Subject
    const Peers* peers = nullptr;  // to which queues can be transferred
  };

  /// `peer` as peer_of() has it. With `rule`, a hold is one of this standing rule.
  Operation(const Means& means, Verb verb, v1::ChangeRequest request, std::string peer, std::string rule = {});
  ~Operation();
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  /// Not OK: the request makes no sense, or one of its guards forbids it, and nothing is changed.
  grpc::Status begin();
  /// Sees to some more recipients, for a moment; false when it has ended: status() says how.
  bool step();
  /// All that can be done at present is: what is left is under delivery, and step() is due in a while.
  bool waits() const { return next_ == recipients_.size() && !waiting_.empty(); }
  grpc::Status status() const { return status_; }

  std::uint64_t matched() const { return matched_; }
  std::uint64_t done() const { return next_ - waiting_.size(); }
  v1::ChangeResponse counts() const;

 private:
  grpc::Status prepare();
  grpc::Status read_verb();
  grpc::Status read_filter();
  grpc::Status check_guards();
  bool guarded() const;
  spool::Affected foresee() const;
  /// False: it has ended early.
  bool change_next();
  bool change_those(std::span<const spool::RecipientId> recipients);
  std::vector<spool::RecipientId> active_among(std::span<const spool::RecipientId> recipients) const;
  std::vector<spool::RecipientId> active_ones() const;
  bool change_those_back();

  void enter();
  void leave();
  void end_early(v1::Operation::State state, grpc::Status status);

  const Means means_;
  const Verb verb_;
  const v1::ChangeRequest request_;
  const std::string peer_;
  const std::string rule_;
  spool::Filter filter_;
  spool::Order order_;
  std::unique_ptr<MessageChange> by_message_;  // instead of `order_`, for verbs that change messages one by one
  std::vector<spool::RecipientId> recipients_;
  std::uint64_t matched_ = 0;
  std::uint64_t next_ = 0;
  std::vector<spool::RecipientId> waiting_;  // with ON_ACTIVE_WAIT: those that were under delivery, in their order
  spool::Affected affected_;
  std::shared_ptr<OperationRecord> record_;  // null: refused, or a dry run
  v1::Operation::State state_ = v1::Operation::STATE_RUNNING;
  grpc::Status status_;
  bool left_ = false;
  std::string refused_ = "ended before its end";  // for the log; empty: it was done
};

/// QueueService.ChangeQueue.
class OperationStream final : public ResponseStream<v1::ChangeQueueResponse> {
 public:
  OperationStream(Calls& calls, std::unique_ptr<Operation> operation)
      : ResponseStream(calls), operation_(std::move(operation)) {}

 private:
  Step produce(v1::ChangeQueueResponse& response) override;

  std::unique_ptr<Operation> operation_;
  bool begun_ = false;
  std::optional<std::uint64_t> told_;   // while it waits: how far it was said to be
  std::optional<grpc::Status> failed_;  // what to end with, once the last counts are sent
};

}  // namespace quartet::control
