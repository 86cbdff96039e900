// The streams of TriggerUpstream, and what is told of an upstream.
#pragma once
#include <grpcpp/server_context.h>

#include <string>

#include "common/control/calls.h"
#include "common/relay/upstreams.h"
#include "quartet/control/v1/remote_queue.grpc.pb.h"

namespace quartet::control {

void fill(v1::Upstream& to, const relay::UpstreamStatus& status);

/// `upstreams` may be null and outlives the stream; `peer` is for the log.
grpc::ServerWriteReactor<v1::TriggerUpstreamResponse>* trigger_upstream(Calls& calls, relay::Upstreams* upstreams,
                                                                        v1::TriggerUpstreamRequest request,
                                                                        std::string peer);

}  // namespace quartet::control
