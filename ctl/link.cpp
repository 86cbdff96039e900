// quartetctl link ...
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
using Response = v1::StartQueueResponse;

int list(const Invocation& invocation) {
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  set_deadline(context, invocation);
  v1::ListLinksResponse response;
  const auto status = v1::RemoteQueueService::NewStub(*channel)->ListLinks(&context, {}, &response);
  if (!status.ok()) return report(status, invocation);
  if (invocation.json) {
    print_json(invocation.out, response.link());
    return kOk;
  }
  Table table({{"LINK"}, {"PENDING", true}, {"STATE"}, {"DOMAINS"}});
  for (const auto& link : response.link()) {
    table.add({plain(link.name()), std::to_string(link.pending()),
               link.attached()  ? "connected"
               : link.running() ? "running"
                                : "-",
               joined(link.domain())});
  }
  invocation.out << table.text();
  return kOk;
}

std::string answer_text(const Response& response) {
  switch (response.answer()) {
    case Response::ANSWER_STARTED:
      return "started";
    case Response::ANSWER_ALREADY_RUNNING:
      return "was started before";
    case Response::ANSWER_NOTHING:
      return "nothing is queued";
    case Response::ANSWER_UNABLE:
      return "cannot be started now";
    default:
      return "no such link";
  }
}

std::string text_of(const Response& response) {
  const auto pending = std::to_string(response.pending()) + " recipients pending";
  switch (response.phase()) {
    case Response::PHASE_ANSWER:
      return response.pending() == 0 ? answer_text(response) : answer_text(response) + ", " + pending;
    case Response::PHASE_EMPTY:
      return "done: the queue is empty";
    case Response::PHASE_ENDED:
      return "the agent ended the start, " + pending;
    case Response::PHASE_TIME_OVER:
      return "still running, " + pending;
    default:
      return pending;
  }
}

/// Whether what was asked for came about.
bool good(const Response& last, bool follows) {
  if (last.phase() == Response::PHASE_EMPTY) return true;
  if (last.phase() != Response::PHASE_ANSWER) return false;
  if (last.answer() == Response::ANSWER_NOTHING) return true;
  return !follows && (last.answer() == Response::ANSWER_STARTED || last.answer() == Response::ANSWER_ALREADY_RUNNING);
}

int start(const Invocation& invocation) {
  v1::StartQueueRequest request;
  const auto& site = invocation.arguments.operands().front();
  if (invocation.arguments.has("domain") || invocation.arguments.has("subdomains")) {
    request.set_domain(site);
    request.set_with_subdomains(invocation.arguments.has("subdomains"));
  } else {
    request.set_link(site);
  }
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  if (!take_follow(invocation, request)) return usage_error(invocation, kBadFollow);
  const bool follows = !request.has_follow() || request.follow().seconds() != 0 || request.follow().nanos() != 0;
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  set_stream_deadline(context, invocation);
  const auto stream = v1::RemoteQueueService::NewStub(*channel)->StartQueue(&context, request);
  Response response;
  print_stream(invocation, *stream, site, text_of, response);
  const auto status = stream->Finish();
  if (!status.ok()) return report(status, invocation);
  return good(response, follows) ? kOk : kFailed;
}

}  // namespace

std::vector<Command> link_commands() {
  return {
      {"link", "list", "", 0, 0, "sites that connect only sometimes, and what waits for them", {}, list},
      {"link",
       "start",
       "SITE",
       1,
       1,
       "deliver all that is queued for a link, and follow it until its queue is empty",
       {{"domain", "", "SITE is a domain of the link instead of its name"},
        {"subdomains", "", "SITE is a domain, and the link that of all domains below it is meant"},
        {"follow", "TIME", "how long to follow it (default: 10m); 0s: do not"},
        {"reason", "TEXT", "why; for the agent's log"}},
       start,
       true,
       {},
       Command::Several::kNo},
  };
}

}  // namespace quartet::ctl
