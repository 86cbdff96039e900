// quartetctl dest ...
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <ostream>

#include "ctl/calls.h"
#include "ctl/command.h"
#include "ctl/destination_text.h"
#include "ctl/remote_queue.h"
#include "ctl/scope.h"
#include "ctl/table.h"
#include "ctl/values.h"
#include "quartet/control/v1/destination.grpc.pb.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;
using Service = v1::DestinationService;
using Destinations = google::protobuf::RepeatedPtrField<v1::Destination>;

/// All pages.
grpc::Status fetch(const std::shared_ptr<grpc::Channel>& channel, const Invocation& invocation,
                   v1::ListDestinationsRequest request, Destinations& destinations) {
  const auto stub = v1::DestinationService::NewStub(channel);
  return each_page<v1::ListDestinationsResponse>(
      invocation, request,
      [&stub](auto& context, const auto& asked, auto& answer) {
        return stub->ListDestinations(&context, asked, &answer);
      },
      [&destinations](const auto& page) {
        destinations.MergeFrom(page.destination());
        return true;
      });
}

std::string why(const v1::Destination& destination) {
  if (destination.has_suspension()) return suspension_text(destination.suspension());
  return destination.last_failure().empty() ? "-" : plain(destination.last_failure());
}

/// "the message rate, 1.5 s", or "-".
std::string wait_text(const v1::Destination& destination) {
  static constexpr const char* kTexts[] = {"-", "the next probe", "the message rate", "the connection rate",
                                           "a connection of another site to end"};
  if (!v1::Destination::Wait_IsValid(destination.waits_for())) return "?";
  std::string text = kTexts[destination.waits_for()];
  if (const auto wait = destination.wait_milliseconds(); wait != 0)
    text += ", " + std::to_string(wait / 1000) + "." + std::to_string(wait / 100 % 10) + " s";
  return text;
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : plain(text); }

std::string list_text(const Destinations& destinations) {
  Table table({{"STATE"}, {"READY", true}, {"CONNECTIONS", true}, {"ALLOWED", true}, {"SITE"}, {"WHY"}});
  for (const auto& one : destinations) {
    table.add({state_text(one), std::to_string(one.ready()), std::to_string(one.connections()),
               std::to_string(one.allowed()), plain(one.site()), why(one)});
  }
  return table.text();
}

int list(const Invocation& invocation) {
  v1::ListDestinationsRequest request;
  if (invocation.arguments.has("dead")) request.set_state(v1::Destination::STATE_BACKOFF);
  if (invocation.arguments.has("suspended")) request.set_state(v1::Destination::STATE_SUSPENDED);
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  Destinations destinations;
  if (const auto status = fetch(*channel, invocation, request, destinations); !status.ok())
    return report(status, invocation);
  if (invocation.json)
    print_json(invocation.out, destinations);
  else
    invocation.out << list_text(destinations);
  v1::AskPeersRequest others;
  *others.mutable_list_destinations() = request;
  others.mutable_list_destinations()->clear_page_token();
  return print_scope(invocation, std::move(others), [](const v1::AskPeersResponse& other) {
    return list_text(other.list_destinations().destination());
  });
}

int show(const Invocation& invocation) {
  v1::ListDestinationsRequest request;
  request.set_site(invocation.arguments.operands().front());
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  Destinations destinations;
  if (const auto status = fetch(*channel, invocation, request, destinations); !status.ok())
    return report(status, invocation);
  if (destinations.empty()) {
    invocation.err << "quartetctl: the relay knows no such site at present\n";
    return kFailed;
  }
  const auto& one = destinations[0];
  if (invocation.json) {
    invocation.out << to_json(one) << '\n';
    return kOk;
  }
  invocation.out << "site          " << plain(one.site()) << "\nstate         " << state_text(one) << "\nready         "
                 << one.ready() << "\nconnections   " << one.connections() << " of " << one.allowed()
                 << " allowed\nwaits for     " << wait_text(one) << "\npolicy        " << or_dash(one.policy())
                 << "\nrates         " << or_dash(one.message_rate()) << " messages, " << or_dash(one.connection_rate())
                 << " connections\nlast failure  " << or_dash(one.last_failure()) << '\n';
  if (one.has_suspension()) invocation.out << "suspended     " << suspension_text(one.suspension()) << '\n';
  return kOk;
}

int suspend(const Invocation& invocation) {
  v1::SuspendRequest request;
  request.set_destination(invocation.arguments.operands().front());
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  if (!take_ttl(invocation, request)) return usage_error(invocation, kBadTtl);
  return call<Service>(invocation, &Service::Stub::Suspend, request, [](const v1::SuspendResponse& response) {
    return plain(response.suspension().destination()) + ": suspended " + suspension_text(response.suspension());
  });
}

int resume(const Invocation& invocation) {
  v1::ResumeRequest request;
  request.set_destination(invocation.arguments.operands().front());
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  return call<Service>(invocation, &Service::Stub::Resume, request, [](const v1::ResumeResponse& response) {
    return "resumed, " + std::to_string(response.due()) + " recipients due now";
  });
}

int clear(const Invocation& invocation) {
  v1::ClearBackoffRequest request;
  request.set_site(invocation.arguments.operands().front());
  request.set_keep_due_times(invocation.arguments.has("keep-due-times"));
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  return call<Service>(invocation, &Service::Stub::ClearBackoff, request, [](const v1::ClearBackoffResponse& response) {
    return "cleared, " + std::to_string(response.due()) + " recipients due now";
  });
}

int explain(const Invocation& invocation) {
  v1::ExplainRequest request;
  request.set_address(invocation.arguments.operands().front());
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  // It takes as long as the DNS does.
  context.set_deadline(std::chrono::system_clock::now() + invocation.timeout.value_or(std::chrono::seconds(30)));
  v1::ExplainResponse response;
  const auto status = v1::DestinationService::NewStub(*channel)->Explain(&context, request, &response);
  if (!status.ok()) return report(status, invocation);
  invocation.out << (invocation.json ? to_json(response) + "\n" : explain_text(response));
  return kOk;
}

/// Depths by their names; unspecified if there is none.
v1::ProbeRequest::Depth depth_of(std::string_view name) {
  if (name == "connect") return v1::ProbeRequest::DEPTH_CONNECT;
  if (name == "ehlo") return v1::ProbeRequest::DEPTH_EHLO;
  if (name == "tls") return v1::ProbeRequest::DEPTH_TLS;
  if (name == "rcpt") return v1::ProbeRequest::DEPTH_RCPT;
  return v1::ProbeRequest::DEPTH_UNSPECIFIED;
}

int probe(const Invocation& invocation) {
  v1::ProbeRequest request;
  request.set_destination(invocation.arguments.operands().front());
  request.set_depth(depth_of(invocation.arguments.value("depth").value_or("tls")));
  if (request.depth() == v1::ProbeRequest::DEPTH_UNSPECIFIED)
    return usage_error(invocation, "--depth: expected connect, ehlo, tls or rcpt");
  request.set_recipient(invocation.arguments.value("rcpt").value_or(""));
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  set_stream_deadline(context, invocation);
  const auto stream = v1::DestinationService::NewStub(*channel)->Probe(&context, request);
  v1::ProbeResponse response;
  bool good = false;
  while (stream->Read(&response)) {
    invocation.out << (invocation.json ? to_json(response) + "\n" : probe_text(response));
    invocation.out.flush();
    good = response.phase() == v1::ProbeResponse::PHASE_END && response.failure().empty();
  }
  if (const auto status = stream->Finish(); !status.ok()) return report(status, invocation);
  return good ? kOk : kFailed;
}

int suspensions(const Invocation& invocation) {
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  set_deadline(context, invocation);
  v1::ListSuspensionsResponse response;
  const auto status = v1::DestinationService::NewStub(*channel)->ListSuspensions(&context, {}, &response);
  if (!status.ok()) return report(status, invocation);
  if (invocation.json) {
    print_json(invocation.out, response.suspension());
    return kOk;
  }
  for (const auto& one : response.suspension())
    invocation.out << plain(one.destination()) << ": suspended " << suspension_text(one) << '\n';
  return kOk;
}

}  // namespace

std::vector<Command> dest_commands() {
  const Option reason{"reason", "TEXT", "why; for the agent's log"};
  return {
      {"dest",
       "list",
       "",
       0,
       0,
       "the sites that the relay knows at present, and how they fare",
       {{"dead", "", "only those that failed and wait for their next probe"},
        {"suspended", "", "only those that an operator suspended by their key"},
        kScopeOption},
       list},
      {"dest", "show", "SITE", 1, 1, "one of them, by its key as in the list", {}, show},
      {"dest",
       "suspend",
       "SITE|DOMAIN",
       1,
       1,
       "keep mail in the queue, untried: to a site by its key, to x.org, or to .x.org (all domains below)",
       {{"for", "TIME", "when it ends by itself, such as 2h (default: 1h)"}, reason},
       suspend},
      {"dest", "resume", "SITE|DOMAIN", 1, 1, "end a suspension; what it withheld is due now", {reason}, resume},
      {"dest", "suspensions", "", 0, 0, "what is suspended, until when, by whom and why", {}, suspensions},
      {"dest", "explain", "ADDRESS", 1, 1, "how mail for an address would travel now, step by step", {}, explain},
      {"dest",
       "probe",
       "SITE|DOMAIN|ADDRESS",
       1,
       1,
       "connect to a destination as a delivery would, and show what happens there and how long it takes",
       {{"depth", "DEPTH", "how far: connect, ehlo, tls (default) or rcpt", "connect ehlo tls rcpt"},
        {"rcpt", "ADDRESS", "for rcpt (default: postmaster of the domain)"},
        reason},
       probe},
      {"dest",
       "clear",
       "SITE",
       1,
       1,
       "forget that a site failed, and try what was deferred there now",
       {{"keep-due-times", "", "leave what was deferred there due when it is"}, reason},
       clear},
  };
}

}  // namespace quartet::ctl
