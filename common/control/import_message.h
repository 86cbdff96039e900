// QueueService.ImportMessage.
#pragma once
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "common/control/calls.h"
#include "common/spool/spool.h"
#include "quartet/control/v1/queue.pb.h"

namespace quartet::control {

/// What a handler returns to gRPC; for operators.
grpc::ServerReadReactor<v1::ImportMessageRequest>* import_message(grpc::CallbackServerContext& context, Calls& calls,
                                                                  spool::Spool& spool,
                                                                  v1::ImportMessageResponse& response);

}  // namespace quartet::control
