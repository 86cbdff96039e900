// quartetctl upstream ...
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <ostream>

#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/remote_queue.h"
#include "ctl/table.h"
#include "ctl/values.h"
#include "quartet/control/v1/remote_queue.grpc.pb.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;
using Response = v1::TriggerUpstreamResponse;
using v1::Upstream;

std::string state_text(const Upstream& upstream) {
  switch (upstream.state()) {
    case Upstream::STATE_IDLE:
      return "idle";
    case Upstream::STATE_ASKING:
      return "asking";
    case Upstream::STATE_RECEIVING:
      return "receiving";
    case Upstream::STATE_BACKING_OFF:
      return "failed, tried again later";
    case Upstream::STATE_STOPPED:
      return "stopped";
    default:
      return "?";
  }
}

std::string answer_text(const Upstream& upstream) {
  if (upstream.requests() == 0) return "-";
  const auto code = upstream.code() == 0 ? std::string() : std::to_string(upstream.code()) + " ";
  return (upstream.method().empty() ? "" : upstream.method() + ": ") + code + plain(upstream.text());
}

int list(const Invocation& invocation) {
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  set_deadline(context, invocation);
  v1::ListUpstreamsResponse response;
  const auto status = v1::RemoteQueueService::NewStub(*channel)->ListUpstreams(&context, {}, &response);
  if (!status.ok()) return report(status, invocation);
  if (invocation.json) {
    print_json(invocation.out, response.upstream());
    return kOk;
  }
  Table table({{"UPSTREAM"}, {"RECEIVED", true}, {"STATE"}, {"LAST ANSWER"}, {"DOMAINS"}});
  for (const auto& upstream : response.upstream()) {
    table.add({plain(upstream.name()), std::to_string(upstream.received()), state_text(upstream), answer_text(upstream),
               joined(upstream.domain())});
  }
  invocation.out << table.text();
  return kOk;
}

std::string text_of(const Response& response) {
  const auto& upstream = response.upstream();
  const auto received = std::to_string(upstream.received()) + " messages received so far";
  if (response.phase() == Response::PHASE_ENDED) return state_text(upstream) + ", " + answer_text(upstream);
  return state_text(upstream) + ", " + received;
}

/// Whether our mail came, or is on its way, or there is none.
bool good(const Response& last) {
  const auto state = last.upstream().state();
  return state != Upstream::STATE_BACKING_OFF && state != Upstream::STATE_STOPPED;
}

int trigger(const Invocation& invocation) {
  v1::TriggerUpstreamRequest request;
  request.set_upstream(invocation.arguments.operands().front());
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  if (!take_follow(invocation, request)) return usage_error(invocation, kBadFollow);
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  set_stream_deadline(context, invocation);
  const auto stream = v1::RemoteQueueService::NewStub(*channel)->TriggerUpstream(&context, request);
  Response response;
  print_stream(invocation, *stream, request.upstream(), text_of, response);
  const auto status = stream->Finish();
  if (!status.ok()) return report(status, invocation);
  return good(response) ? kOk : kFailed;
}

}  // namespace

std::vector<Command> upstream_commands() {
  return {
      {"upstream", "list", "", 0, 0, "hosts that keep mail for us, and how asking them went", {}, list},
      {"upstream",
       "trigger",
       "NAME",
       1,
       1,
       "ask an upstream for our mail now, and follow it until it is done",
       {{"follow", "TIME", "how long to follow it (default: 10m); 0s: do not"},
        {"reason", "TEXT", "why; for the agent's log"}},
       trigger,
       true,
       {},
       Command::Several::kNo},
  };
}

}  // namespace quartet::ctl
