// quartetctl trace ID: what became of one message, from all agents that are named.
#include <fmt/format.h>
#include <google/protobuf/util/time_util.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <ostream>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "common/base/time.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/json.h"
#include "ctl/scope.h"
#include "ctl/table.h"
#include "ctl/values.h"
#include "quartet/control/v1/trace.grpc.pb.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;
using v1::TraceStep;

/// Steps of all agents, each once.
struct Timeline {
  std::vector<TraceStep> steps;
  std::set<std::string> seen;

  void add(TraceStep step) {
    if (seen.insert(step.SerializeAsString()).second) steps.push_back(std::move(step));
  }
};

std::vector<Context> endpoints(const Invocation& invocation) {
  auto list = invocation.contexts;
  const auto add = [&](const std::string& target) {
    list.push_back({target, target, invocation.ca, invocation.certificate, invocation.key});
  };
  const auto named = invocation.arguments.values("control");
  if (list.empty() && (named.empty() || invocation.arguments.has("target"))) add(invocation.target);
  for (const auto& target : named) add(target);
  return list;
}

/// kOk, or the exit code after saying which agent did not answer and why.
int ask(const Invocation& invocation, const Context& endpoint, const v1::TraceMessageRequest& request,
        Timeline& timeline) {
  auto one = invocation;
  go_to(one, endpoint);
  const auto channel = connect(one);
  if (!channel) return usage_error(one, channel.error());
  grpc::ClientContext context;
  set_deadline(context, one);
  const auto stream = v1::TraceService::NewStub(*channel)->TraceMessage(&context, request);
  TraceStep step;
  while (stream->Read(&step)) timeline.add(step);
  const auto status = stream->Finish();
  if (!status.ok()) invocation.err << "quartetctl: " << endpoint.name << ":\n";
  if (!status.ok()) return report(status, one);
  v1::AskPeersRequest others;
  *others.mutable_trace_message() = request;
  return ask_scope(one, std::move(others),
                   [&timeline](const v1::AskPeersResponse& response) { timeline.add(response.trace_step()); });
}

/// All agents, whatever some of them say: the rest of the story is worth having.
int ask_all(const Invocation& invocation, const v1::TraceMessageRequest& request, Timeline& timeline) {
  int code = kOk;
  for (const auto& endpoint : endpoints(invocation))
    code = std::max(code, ask(invocation, endpoint, request, timeline));
  return code;
}

std::string kind_name(TraceStep::Kind kind) {
  const auto* value = TraceStep::Kind_descriptor()->FindValueByNumber(kind);
  return value == nullptr ? "?" : enum_name(*value);
}

/// Where it came from, or who answered what.
std::string detail(const TraceStep& step) {
  std::string text;
  const auto add = [&](const std::string& more) {
    if (!more.empty()) text += (text.empty() ? "" : " ") + more;
  };
  if (!step.has_reply()) {
    add("from " + step.peer());
    if (!step.tls().empty()) add("by " + step.tls());
  } else {
    const auto& reply = step.reply();
    if (!reply.host().empty()) add(reply.host() + ":");
    if (reply.code() != 0) add(std::to_string(reply.code()));
    add(reply.enhanced());
    add(reply.text());
    if (!step.tls().empty() && step.tls() != "none") add("(" + step.tls() + ")");
  }
  return plain(text);
}

void print_table(const Invocation& invocation, const std::vector<TraceStep>& steps) {
  Table table({{"TIME"}, {"AGENT"}, {"STEP"}, {"TRACE"}, {"MESSAGE"}, {"SENDER"}, {"RECIPIENT"}, {"DETAIL"}});
  for (const auto& step : steps) {
    const auto micros = google::protobuf::util::TimeUtil::TimestampToMicroseconds(step.time());
    table.add({to_rfc3339(from_micros(micros)), plain(step.agent() + "@" + step.hostname()), kind_name(step.kind()),
               plain(step.trace_id()), plain(step.message_id()), "<" + plain(step.sender()) + ">",
               plain(step.recipient()), detail(step)});
  }
  invocation.out << table.text();
}

bool earlier(const TraceStep& a, const TraceStep& b) {
  const auto key = [](const TraceStep& step) {
    return std::tuple(step.time().seconds(), step.time().nanos(), step.kind(), std::string_view(step.recipient()));
  };
  return key(a) < key(b);
}

int trace(const Invocation& invocation) {
  for (const auto& endpoint : endpoints(invocation)) {
    if (!is_target(endpoint.target)) return usage_error(invocation, "--control: expected unix:/path or host:port");
  }
  Timeline timeline;
  v1::TraceMessageRequest request;
  request.set_any(invocation.arguments.words()[1]);
  int code = ask_all(invocation, request, timeline);
  // A queue id is known to one agent only: the trace ids find the rest, and the Message-ID what lies behind a hop that
  // did not take our trace id.
  std::set<std::string> traces, headers;
  for (const auto& step : timeline.steps) {
    traces.insert(step.trace_id());
    if (!step.header_message_id().empty()) headers.insert(step.header_message_id());
  }
  for (const auto& id : traces) {
    if (code != kOk) break;
    request.set_trace_id(id);
    code = ask_all(invocation, request, timeline);
    for (const auto& step : timeline.steps)
      if (!step.header_message_id().empty()) headers.insert(step.header_message_id());
  }
  for (const auto& id : headers) {
    if (code != kOk) break;
    request.set_header_message_id(id);
    code = ask_all(invocation, request, timeline);
  }
  std::ranges::sort(timeline.steps, earlier);
  if (invocation.json) {
    for (const auto& step : timeline.steps) invocation.out << to_json(step) << '\n';
  } else if (!timeline.steps.empty()) {
    print_table(invocation, timeline.steps);
  }
  if (code != kOk) return code;
  if (!timeline.steps.empty()) return kOk;
  invocation.err << "quartetctl: no agent that was asked remembers such a message\n";
  return kFailed;
}

}  // namespace

std::vector<Command> trace_commands() {
  return {{"trace",
           "",
           "ID",
           1,
           1,
           "what became of a message (trace id, queue id or Message-ID), at all agents given",
           {{"control", "WHERE", "an agent to ask, as --target; may be given several times"}, kScopeOption},
           trace,
           true,
           {},
           Command::Several::kItself}};
}

}  // namespace quartet::ctl
