// What the files of `quartetctl queue` share.
#pragma once
#include <expected>
#include <memory>
#include <string>

#include "ctl/command.h"
#include "quartet/control/v1/queue.grpc.pb.h"

namespace quartet::ctl {

/// What most of its commands begin with. `code` is what to exit with unless there is a stub.
struct QueueCall {
  std::unique_ptr<control::v1::QueueService::Stub> stub;
  control::v1::Selector selector;
  int code = kUsage;
};
QueueCall begin_queue_call(const Invocation& invocation);
/// For commands that select nothing.
std::expected<std::unique_ptr<control::v1::QueueService::Stub>, std::string> queue_stub(const Invocation& invocation);

/// For each_page().
inline auto lister(const QueueCall& call) {
  return [stub = call.stub.get()](grpc::ClientContext& context, const control::v1::ListMessagesRequest& request,
                                  control::v1::ListMessagesResponse& response) {
    return stub->ListMessages(&context, request, &response);
  };
}

/// Commands that change what is selected (queue_change.cpp), and the others that are files of their own.
std::vector<Command> queue_change_commands();
std::vector<Command> queue_shape_commands();
std::vector<Command> queue_export_commands();
std::vector<Command> queue_import_commands();

}  // namespace quartet::ctl
