// quartetctl log tail, session trace: what an agent logs, and what is said in its sessions, as it happens.
#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <ostream>

#include "ctl/calls.h"
#include "ctl/values.h"
#include "quartet/control/v1/trace.grpc.pb.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;
using Stub = v1::TraceService::Stub;

/// Until the user interrupts it, or has said how long.
template <typename Response, typename Start, typename Print>
int follow(const Invocation& invocation, Start start, Print print) {
  grpc::ClientContext context;
  // Before gRPC has threads, which would get the signal.
  const Interrupt interrupt(context);
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  set_stream_deadline(context, invocation);
  const auto stub = v1::TraceService::NewStub(*channel);
  const auto stream = start(*stub, &context);
  Response response;
  while (stream->Read(&response)) {
    if (response.lost() != 0) invocation.err << fmt::format("({} lost: this is read too slowly)\n", response.lost());
    for (const auto& line : response.line()) print(line);
    invocation.out << std::flush;
  }
  const auto status = stream->Finish();
  if (interrupt.happened()) return kOk;
  if (invocation.timeout && status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) return kOk;
  return report(status, invocation);
}

int log_tail(const Invocation& invocation) {
  v1::TailLogRequest request;
  const auto level = invocation.arguments.value("level").value_or("info");
  request.set_level(log_level_of(level));
  if (request.level() == v1::LOG_LEVEL_UNSPECIFIED)
    return usage_error(invocation, "--level: expected debug, info, warn or error");
  request.set_event(invocation.arguments.value("event").value_or(""));
  request.set_trace_id(invocation.arguments.value("trace").value_or(""));
  request.set_text(invocation.arguments.value("text").value_or(""));
  return follow<v1::TailLogResponse>(
      invocation, [&](Stub& stub, auto* context) { return stub.TailLog(context, request); },
      [&](const std::string& line) { invocation.out << plain(line) << '\n'; });
}

void print_line(const Invocation& invocation, const v1::SessionLine& line) {
  if (invocation.json) {
    invocation.out << to_json(line) << '\n';
    return;
  }
  const auto& name = line.host().empty() ? line.peer() : line.host();
  const auto* const speaker = line.ours() == line.server() ? "S:" : "C:";
  invocation.out << fmt::format("{} {} {} {}\n", line.session(), line.last() ? "" : plain(name),
                                line.last() ? "--" : speaker, line.last() ? "over" : plain(line.text()));
}

int session_trace(const Invocation& invocation) {
  v1::TraceSessionsRequest request;
  const auto role = invocation.arguments.value("role").value_or("");
  if (role == "server") request.set_role(v1::TraceSessionsRequest::ROLE_SERVER);
  if (role == "client") request.set_role(v1::TraceSessionsRequest::ROLE_CLIENT);
  if (!role.empty() && request.role() == v1::TraceSessionsRequest::ROLE_UNSPECIFIED)
    return usage_error(invocation, "--role: expected server or client");
  request.set_peer(invocation.arguments.value("peer").value_or(""));
  request.set_host(invocation.arguments.value("host").value_or(""));
  request.set_address(invocation.arguments.value("address").value_or(""));
  return follow<v1::TraceSessionsResponse>(
      invocation, [&](Stub& stub, auto* context) { return stub.TraceSessions(context, request); },
      [&](const v1::SessionLine& line) { print_line(invocation, line); });
}

}  // namespace

std::vector<Command> tail_commands() {
  return {
      {"log",
       "tail",
       "",
       0,
       0,
       "the agent's log as it is written",
       {{"level", "LEVEL", "debug, info (default), warn or error, whatever the log itself is set to",
         "debug info warn error"},
        {"event", "NAME", "only events whose names begin so, such as mta.accepted"},
        {"trace", "ID", "only those of one message, by its trace id"},
        {"text", "TEXT", "only lines in which it occurs"}},
       log_tail,
       true,
       {},
       Command::Several::kNo},
      {"session",
       "trace",
       "",
       0,
       0,
       "what is said in sessions of SMTP and LMTP as it is said; no messages, no passwords",
       {{"role", "ROLE", "server or client: only sessions in which the agent is that", "server client"},
        {"peer", "NETWORK", "only with this address or network, such as 192.0.2.0/24"},
        {"host", "NAME", "only with the host of this name, where the agent sends"},
        {"address", "ADDRESS", "only transactions from or to this address or domain"}},
       session_trace,
       true,
       {},
       Command::Several::kNo},
  };
}

}  // namespace quartet::ctl
