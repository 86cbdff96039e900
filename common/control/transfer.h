// QueueService.Transfer: one message after the other goes into the queue of a peer.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/control/message_change.h"

namespace quartet::control {

/// Puts a message into the peer's queue, and waits for its answer; ALREADY_EXISTS: it is there.
using PutAway = std::function<grpc::Status(const v1::GetMessageResponse& archive, std::string_view content)>;

/// To the peer `target`. Held recipients go, too.
std::unique_ptr<MessageChange> make_transfer(spool::Spool& spool, spool::Filter filter, std::string target,
                                             PutAway put_away);

}  // namespace quartet::control
