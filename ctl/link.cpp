// quartetctl link ...
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <ostream>

#include "ctl/calls.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/destination_text.h"
#include "ctl/remote_queue.h"
#include "ctl/table.h"
#include "ctl/values.h"
#include "quartet/control/v1/remote_queue.grpc.pb.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;
using Service = v1::RemoteQueueService;
using Response = v1::StartQueueResponse;

std::string state_text(const v1::ListLinksResponse::Link& link) {
  if (link.has_pause()) return "PAUSED " + suspension_text(link.pause());
  if (link.attached()) return "connected";
  return link.running() ? "running" : "-";
}

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
    table.add({plain(link.name()), std::to_string(link.pending()), state_text(link), joined(link.domain())});
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
    case Response::ANSWER_PAUSED:
      return "is paused";
    case Response::ANSWER_TOO_SOON:
      return "was started a moment ago; again in " + std::to_string(response.wait().seconds() + 1) +
             " s, or with --now";
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
  request.set_at_once(invocation.arguments.has("now"));
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

int pause(const Invocation& invocation) {
  v1::PauseLinkRequest request;
  request.set_link(invocation.arguments.operands().front());
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  if (!take_ttl(invocation, request)) return usage_error(invocation, kBadTtl);
  return call<Service>(invocation, &Service::Stub::PauseLink, request, [](const v1::PauseLinkResponse& response) {
    return plain(response.pause().destination()) + ": paused " + suspension_text(response.pause());
  });
}

int resume(const Invocation& invocation) {
  v1::ResumeLinkRequest request;
  request.set_link(invocation.arguments.operands().front());
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  return call<Service>(invocation, &Service::Stub::ResumeLink, request, [](const v1::ResumeLinkResponse& response) {
    return "resumed, " + std::to_string(response.due()) + " recipients due now";
  });
}

}  // namespace

std::vector<Command> link_commands() {
  const Option reason{"reason", "TEXT", "why; for the agent's log"};
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
        {"now", "", "although its min_interval_seconds are not over"},
        {"follow", "TIME", "how long to follow it (default: 10m); 0s: do not"},
        reason},
       start,
       true,
       {},
       Command::Several::kNo},
      {"link",
       "pause",
       "NAME",
       1,
       1,
       "keep a link's mail in the queue, whoever asks for it",
       {{"for", "TIME", "when it ends by itself, such as 2h (default: with `link resume`)"}, reason},
       pause},
      {"link", "resume", "NAME", 1, 1, "end a pause; what needs no request is due now", {reason}, resume},
  };
}

}  // namespace quartet::ctl
