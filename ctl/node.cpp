// quartetctl node ...
#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <ostream>

#include "common/base/time.h"
#include "ctl/calls.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/json.h"
#include "ctl/queue_text.h"
#include "ctl/scope.h"
#include "ctl/table.h"
#include "ctl/values.h"
#include "quartet/control/v1/node.grpc.pb.h"
#include "quartet/control/v1/peer.grpc.pb.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;

std::string status_text(const v1::GetStatusResponse& response) {
  std::string text;
  const auto line = [&text](std::string_view name, const std::string& value) {
    if (!value.empty()) text += fmt::format("{:<9}{}\n", name, value);
  };
  line("agent", fmt::format("{} {}", response.agent(), response.version()));
  line("host", plain(response.hostname()));
  line("pid", std::to_string(response.pid()));
  line("up", format_duration(std::chrono::seconds(response.uptime().seconds())));
  line("state", response.trouble().empty() ? "ready" : "not ready: " + plain(response.trouble()));
  if (response.has_queue()) line("queue", counts_text(response.queue()));
  line("disk", plain(response.queue_fault()));
  return text;
}

int peers(const Invocation& invocation) {
  return call<v1::PeerService>(invocation, &v1::PeerService::Stub::ListPeers, v1::ListPeersRequest(),
                               [](const v1::ListPeersResponse& response) {
                                 Table table({{"PEER"}, {"ADDRESS"}, {"NEXT"}});
                                 for (const auto& peer : response.peer())
                                   table.add({plain(peer.name()), plain(peer.address()), peer.next() ? "yes" : "-"});
                                 auto text = table.text();
                                 text.pop_back();
                                 return text;
                               });
}

int status(const Invocation& invocation) {
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  set_deadline(context, invocation);
  v1::GetStatusResponse response;
  const auto answer = v1::NodeService::NewStub(*channel)->GetStatus(&context, {}, &response);
  if (!answer.ok()) return report(answer, invocation);
  invocation.out << (invocation.json ? to_json(response) + "\n" : status_text(response));
  bool ready = response.trouble().empty();
  v1::AskPeersRequest others;
  others.mutable_get_status();
  const int asked = ask_scope(invocation, std::move(others), [&](const v1::AskPeersResponse& other) {
    print_answer(invocation, other, status_text(other.get_status()));
    ready = ready && other.get_status().trouble().empty();
  });
  return asked != kOk || ready ? asked : kFailed;
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

int log_level(const Invocation& invocation) {
  v1::SetLogLevelRequest request;
  request.set_level(log_level_of(invocation.arguments.operands().front()));
  if (request.level() == v1::LOG_LEVEL_UNSPECIFIED)
    return usage_error(invocation, "expected debug, info, warn or error");
  if (!take_ttl(invocation, request)) return usage_error(invocation, kBadTtl);
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  return call<v1::NodeService>(invocation, &v1::NodeService::Stub::SetLogLevel, request,
                               [](const v1::SetLogLevelResponse& response) {
                                 return "until " + to_rfc3339(from_micros(response.until().seconds() * 1'000'000));
                               });
}

std::string spool_text(const v1::CheckSpoolResponse& response) {
  constexpr const char* kCheckpoints[] = {"?", "none", "valid", "damaged; the next start reads the whole log instead"};
  std::string out = fmt::format(
      "messages    {}\nrecipients  {}\nsegments    {}\nrecords     {}\nbytes       {}\n"
      "torn bytes  {} (written last, never acknowledged)\ncheckpoint  {}\n",
      response.messages(), response.recipients(), response.segments(), response.records(), response.bytes(),
      response.torn_bytes(), kCheckpoints[std::min<int>(response.checkpoint(), 3)]);
  for (const auto& damage : response.damage())
    out += fmt::format("damage      segment {:016x} at {}, {} bytes: {}\n", damage.segment(), damage.offset(),
                       damage.length(), plain(damage.what()));
  for (const auto& id : response.unreadable()) out += "no body     " + plain(id) + "\n";
  return out + (response.healthy() ? "healthy" : "NOT healthy");
}

int check_spool(const Invocation& invocation) {
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  // It takes as long as the disk does.
  if (invocation.timeout) set_deadline(context, invocation);
  v1::CheckSpoolResponse response;
  const auto status = v1::NodeService::NewStub(*channel)->CheckSpool(&context, {}, &response);
  if (!status.ok()) return report(status, invocation);
  invocation.out << (invocation.json ? to_json(response) : spool_text(response)) << '\n';
  return response.healthy() ? kOk : kFailed;
}

}  // namespace

std::vector<Command> node_commands() {
  return {
      {"node",
       "status",
       "",
       0,
       0,
       "the agent: version, uptime, its queue, and whether it is ready (exit code 1: it is not)",
       {kScopeOption},
       status},
      {"node", "peers", "", 0, 0, "the agents that it asks for --scope", {}, peers},
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
       drain},
      {.noun = "node",
       .verb = "log-level",
       .operands = "LEVEL",
       .least = 1,
       .most = 1,
       .summary = "how much the agent logs, for a time",
       .options = {{"for", "TIME", "until it is as configured again, such as 1h (default: 10m)"},
                   {"reason", "TEXT", "why, for the log"}},
       .run = log_level,
       .choices = "debug info warn error"},
      {"node", "check-spool", "", 0, 0, "reads all of the queue on disk and says what is damaged", {}, check_spool}};
}

}  // namespace quartet::ctl
