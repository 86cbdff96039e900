// quartetctl dest ...
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <ostream>

#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/remote_queue.h"
#include "ctl/table.h"
#include "ctl/values.h"
#include "quartet/control/v1/destination.grpc.pb.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;
using Destinations = google::protobuf::RepeatedPtrField<v1::Destination>;

/// All pages.
grpc::Status fetch(const std::shared_ptr<grpc::Channel>& channel, const Invocation& invocation,
                   v1::ListDestinationsRequest request, Destinations& destinations) {
  const auto stub = v1::DestinationService::NewStub(channel);
  while (true) {
    grpc::ClientContext context;
    set_deadline(context, invocation);
    v1::ListDestinationsResponse response;
    auto status = stub->ListDestinations(&context, request, &response);
    if (!status.ok()) return status;
    destinations.MergeFrom(response.destination());
    if (response.next_page_token().empty()) return status;
    request.set_page_token(response.next_page_token());
  }
}

std::string state_text(const v1::Destination& destination) {
  return destination.state() == v1::Destination::STATE_BACKOFF ? "backoff" : "open";
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

int list(const Invocation& invocation) {
  v1::ListDestinationsRequest request;
  if (invocation.arguments.has("dead")) request.set_state(v1::Destination::STATE_BACKOFF);
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  Destinations destinations;
  if (const auto status = fetch(*channel, invocation, request, destinations); !status.ok())
    return report(status, invocation);
  if (invocation.json) {
    print_json(invocation.out, destinations);
    return kOk;
  }
  Table table({{"STATE"}, {"READY", true}, {"CONNECTIONS", true}, {"ALLOWED", true}, {"SITE"}, {"LAST FAILURE"}});
  for (const auto& one : destinations) {
    table.add({state_text(one), std::to_string(one.ready()), std::to_string(one.connections()),
               std::to_string(one.allowed()), plain(one.site()), or_dash(one.last_failure())});
  }
  invocation.out << table.text();
  return kOk;
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
  return kOk;
}

}  // namespace

std::vector<Command> dest_commands() {
  return {
      {"dest",
       "list",
       "",
       0,
       0,
       "the sites that the relay knows at present, and how they fare",
       {{"dead", "", "only those that failed and wait for their next probe"}},
       list},
      {"dest", "show", "SITE", 1, 1, "one of them, by its key as in the list", {}, show},
  };
}

}  // namespace quartet::ctl
