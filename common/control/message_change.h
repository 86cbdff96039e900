// Changes that are made to one message after the other, each as a whole and durable before the next.
#pragma once
#include <grpcpp/support/status.h>

#include <expected>
#include <functional>
#include <memory>
#include <span>

#include "common/spool/spool.h"
#include "quartet/control/v1/queue.pb.h"

namespace quartet::control {

class MessageChange {
 public:
  virtual ~MessageChange() = default;
  /// What apply() would do now. The recipients are of one message.
  virtual spool::Affected foresee(std::span<const spool::RecipientId> recipients) = 0;
  /// Waits for the disk, so not on a loop. Those that are gone are not counted.
  virtual std::expected<spool::Affected, grpc::Status> apply(std::span<const spool::RecipientId> recipients) = 0;
};

/// What is said to whoever wants changes of a queue whose disk takes none.
grpc::Status no_changes(const spool::SpoolError& fault);

/// QueueService.EditEnvelope. The error says what is wrong with the edit.
std::expected<std::unique_ptr<MessageChange>, std::string> make_edit(spool::Spool& spool,
                                                                     const v1::ChangeRequest::Edit& edit);

/// Subject::rewrite.
using Rewrite = std::function<spool::Replacement(const spool::Message&, const std::vector<spool::Claim>&)>;
/// QueueService.Requeue. Held recipients only if the filter names State::kHeld. Without `rewrite` addresses stay.
std::unique_ptr<MessageChange> make_requeue(spool::Spool& spool, spool::Filter filter, Rewrite rewrite);

}  // namespace quartet::control
