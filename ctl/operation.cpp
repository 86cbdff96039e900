// quartetctl operation ...
#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <ostream>

#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/json.h"
#include "ctl/progress.h"
#include "ctl/remote_queue.h"
#include "ctl/table.h"
#include "ctl/values.h"
#include "quartet/control/v1/operation.grpc.pb.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;

std::string verb_text(const v1::Operation& operation) {
  return name_of(*v1::ChangeQueueRequest::Verb_descriptor(), operation.verb());
}

std::string state_text(const v1::Operation& operation) {
  return name_of(*v1::Operation::State_descriptor(), operation.state());
}

std::string operation_text(const v1::Operation& one) {
  std::string out;
  const auto line = [&out](std::string_view name, const std::string& value) {
    if (!value.empty()) out += fmt::format("{:<10}{}\n", name, plain(value));
  };
  line("id", one.id());
  line("verb", verb_text(one));
  line("state", state_text(one));
  line("who", one.who());
  line("started", time_text(one.started()));
  if (one.has_ended()) line("ended", time_text(one.ended()));
  line("selector", one.selector());
  line("rule", one.rule());
  line("reason", one.reason());
  line("status", one.status());
  line("next hop", one.next_hop());
  line("detail", one.detail());
  line("error", one.error());
  out += fmt::format("{:<10}{} matched, {} changed, {} pending, {} skipped, {} gone, {} failed\n", "counts",
                     one.matched(), one.changed(), one.pending(), one.skipped(), one.gone(), one.failed());
  return out;
}

int list(const Invocation& invocation) {
  v1::ListOperationsRequest request;
  request.set_running(invocation.arguments.has("running"));
  const auto limit = invocation.arguments.count("limit");
  if (!limit) return usage_error(invocation, limit.error());
  const auto most = limit->value_or(50);
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  const auto stub = v1::OperationService::NewStub(*channel);
  google::protobuf::RepeatedPtrField<v1::Operation> operations;
  do {
    grpc::ClientContext context;
    set_deadline(context, invocation);
    v1::ListOperationsResponse response;
    request.set_page_size(static_cast<std::uint32_t>(
        std::min<std::uint64_t>(most - static_cast<std::uint64_t>(operations.size()), 1000)));
    if (const auto status = stub->ListOperations(&context, request, &response); !status.ok())
      return report(status, invocation);
    operations.MergeFrom(response.operation());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty() && static_cast<std::uint64_t>(operations.size()) < most);
  if (invocation.json) {
    print_json(invocation.out, operations);
    return kOk;
  }
  Table table({{"ID"}, {"STARTED"}, {"VERB"}, {"STATE"}, {"MATCHED", true}, {"CHANGED", true}, {"WHO"}, {"REASON"}});
  for (const auto& one : operations) {
    table.add({one.id(), time_text(one.started()), verb_text(one), state_text(one), std::to_string(one.matched()),
               std::to_string(one.changed()), plain(one.who()), plain(one.reason())});
  }
  invocation.out << table.text();
  return kOk;
}

void print(const Invocation& invocation, const v1::Operation& operation) {
  if (invocation.json)
    invocation.out << to_json(operation) << '\n';
  else
    invocation.out << operation_text(operation);
}

int show(const Invocation& invocation) {
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  set_deadline(context, invocation);
  v1::GetOperationRequest request;
  request.set_id(invocation.arguments.operands()[0]);
  v1::GetOperationResponse response;
  const auto status = v1::OperationService::NewStub(*channel)->GetOperation(&context, request, &response);
  if (!status.ok()) return report(status, invocation);
  print(invocation, response.operation());
  return kOk;
}

int watch(const Invocation& invocation) {
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  const Interrupt interrupt(context);
  set_stream_deadline(context, invocation);
  v1::WatchOperationRequest request;
  request.set_id(invocation.arguments.operands()[0]);
  const auto stream = v1::OperationService::NewStub(*channel)->WatchOperation(&context, request);
  v1::WatchOperationResponse response;
  {
    Progress progress(invocation.err, Progress::on_terminal(invocation.err));
    while (stream->Read(&response)) {
      if (invocation.json) invocation.out << to_json(response.operation()) << std::endl;
      progress.show(response.operation().done(), response.operation().matched());
    }
  }
  const auto status = stream->Finish();
  if (interrupt.happened()) return kOk;
  if (!status.ok()) return report(status, invocation);
  if (!invocation.json) invocation.out << operation_text(response.operation());
  return response.operation().state() == v1::Operation::STATE_DONE ? kOk : kFailed;
}

int cancel(const Invocation& invocation) {
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  set_deadline(context, invocation);
  v1::CancelOperationRequest request;
  request.set_id(invocation.arguments.operands()[0]);
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  v1::CancelOperationResponse response;
  const auto status = v1::OperationService::NewStub(*channel)->CancelOperation(&context, request, &response);
  if (!status.ok()) return report(status, invocation);
  print(invocation, response.operation());
  return kOk;
}

}  // namespace

std::vector<Command> operation_commands() {
  return {
      {"operation",
       "list",
       "",
       0,
       0,
       "who changed what in the queue, the newest first",
       {{"running", "", "only what goes on"}, {"limit", "N", "at most N (default: 50)"}},
       list},
      {"operation", "show", "ID", 1, 1, "one of them, with its counts", {}, show},
      {"operation",
       "watch",
       "ID",
       1,
       1,
       "follow one to its end; exit code 0 if all was done",
       {},
       watch,
       true,
       {},
       Command::Several::kNo},
      {"operation",
       "cancel",
       "ID",
       1,
       1,
       "end one: what it has changed stays changed",
       {{"reason", "TEXT", "why; for the log, and kept with it"}},
       cancel},
  };
}

}  // namespace quartet::ctl
