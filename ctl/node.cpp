// quartetctl node ...
#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <ostream>

#include "ctl/calls.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/json.h"
#include "ctl/queue_text.h"
#include "ctl/values.h"
#include "quartet/control/v1/node.grpc.pb.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;

int status(const Invocation& invocation) {
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  set_deadline(context, invocation);
  v1::GetStatusResponse response;
  const auto answer = v1::NodeService::NewStub(*channel)->GetStatus(&context, {}, &response);
  if (!answer.ok()) return report(answer, invocation);
  if (invocation.json) {
    invocation.out << to_json(response) << '\n';
    return kOk;
  }
  const auto line = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) invocation.out << fmt::format("{:<9}{}\n", name, value);
  };
  line("agent", fmt::format("{} {}", response.agent(), response.version()));
  line("host", plain(response.hostname()));
  line("pid", std::to_string(response.pid()));
  line("up", format_duration(std::chrono::seconds(response.uptime().seconds())));
  line("state", response.trouble().empty() ? "ready" : "not ready: " + plain(response.trouble()));
  if (response.has_queue()) line("queue", counts_text(response.queue()));
  line("disk", plain(response.queue_fault()));
  return kOk;
}

int reload(const Invocation& invocation) {
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  set_deadline(context, invocation);
  v1::ReloadRequest request;
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  v1::ReloadResponse response;
  const auto answer = v1::NodeService::NewStub(*channel)->Reload(&context, request, &response);
  if (!answer.ok()) return report(answer, invocation);
  if (invocation.json) {
    invocation.out << to_json(response) << '\n';
  } else {
    for (const auto& fault : response.fault()) invocation.err << plain(fault) << '\n';
    for (const auto& setting : response.changed()) invocation.out << "changed  " << plain(setting) << '\n';
    for (const auto& setting : response.ignored())
      invocation.out << "ignored  " << plain(setting) << ": takes effect at the next start\n";
    if (response.fault().empty()) invocation.out << "reloaded\n";
  }
  return response.fault().empty() ? kOk : kFailed;
}

int drain(const Invocation& invocation) {
  v1::DrainRequest request;
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  return call<v1::NodeService>(
      invocation, &v1::NodeService::Stub::Drain, request, [](const v1::DrainResponse& response) {
        return fmt::format("draining; {} sessions are to end, then the agent does", response.sessions());
      });
}

}  // namespace

std::vector<Command> node_commands() {
  return {{"node", "status", "", 0, 0, "the agent: version, uptime, whether it is ready, its queue", {}, status},
          {"node",
           "reload",
           "",
           0,
           0,
           "reads the configuration again, and says what that changed; sessions go on",
           {{"reason", "TEXT", "why, for the log"}},
           reload},
          {"node",
           "drain",
           "",
           0,
           0,
           "end the agent: it takes nothing new and lets sessions end what they are at",
           {{"reason", "TEXT", "why, for the log"}},
           drain}};
}

}  // namespace quartet::ctl
