// What operators ask for, as the spool takes it.
#pragma once
#include <grpcpp/support/status.h>

#include <string>

#include "common/spool/query.h"
#include "quartet/control/v1/queue.pb.h"

namespace quartet::relay {
class Relay;
}

namespace quartet::control {

using ChangeVerb = v1::ChangeQueueRequest::Verb;

/// For the log: "retry"; empty: it is none.
const char* name_of(ChangeVerb verb);

/// Not OK: the request gives what the verb does not take, or too long a reason.
grpc::Status check_fields(ChangeVerb verb, const v1::ChangeRequest& request);

/// What the verb wants besides whom it concerns. Not OK: the request gives what the verb does not take, or lacks what
/// it needs. `relay` is null where the agent has none.
/// Not for EditEnvelope, Requeue and Transfer.
grpc::Status to_order(ChangeVerb verb, const v1::ChangeRequest& request, relay::Relay* relay, spool::Order& order);

/// What the request gives that has no field of its own in the log and in Operation, such as "priority=5".
std::string detail_of(const v1::ChangeRequest& request);

}  // namespace quartet::control
