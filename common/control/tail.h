// Streams of what an agent logs and of what is said in its sessions.
#pragma once
#include <memory>

#include "common/control/calls.h"
#include "quartet/control/v1/trace.pb.h"

namespace quartet::control {

/// INVALID_ARGUMENT says what is wrong with the request.
grpc::ServerWriteReactor<v1::TailLogResponse>* tail_log(Calls& calls, const v1::TailLogRequest& request);
grpc::ServerWriteReactor<v1::TraceSessionsResponse>* trace_sessions(Calls& calls,
                                                                    const v1::TraceSessionsRequest& request);

}  // namespace quartet::control
