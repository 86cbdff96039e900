// PauseLink and ResumeLink of RemoteQueueService.
#pragma once
#include <grpcpp/server_context.h>

#include "common/control/calls.h"
#include "common/relay/relay.h"
#include "quartet/control/v1/remote_queue.pb.h"

namespace quartet::control {

/// `calls` and `relay` outlive the call; `response` is gRPC's.
grpc::ServerUnaryReactor* pause_link(grpc::CallbackServerContext* context, Calls& calls, relay::Relay& relay,
                                     const v1::PauseLinkRequest& request, v1::PauseLinkResponse* response);
grpc::ServerUnaryReactor* resume_link(grpc::CallbackServerContext* context, Calls& calls, relay::Relay& relay,
                                      const v1::ResumeLinkRequest& request, v1::ResumeLinkResponse* response);

}  // namespace quartet::control
