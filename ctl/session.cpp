// quartetctl session ...
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <ostream>

#include "common/base/ascii.h"
#include "common/base/time.h"
#include "ctl/calls.h"
#include "ctl/command.h"
#include "ctl/remote_queue.h"
#include "ctl/table.h"
#include "ctl/values.h"
#include "quartet/control/v1/session.grpc.pb.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;

/// False if an operand is no id.
bool read_selector(const Arguments& arguments, v1::SessionSelector& selector) {
  selector.set_login(arguments.value("login").value_or(""));
  selector.set_client(arguments.value("client").value_or(""));
  for (const auto& word : arguments.operands()) {
    const auto id = ascii::to_number(word);
    if (!id || *id == 0) return false;
    selector.add_id(*id);
  }
  return true;
}
constexpr const char* kBadId = "an id of a session is a number from 1, as in the list";

std::string age(const google::protobuf::Timestamp& time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wall_now().time_since_epoch()) -
                       std::chrono::seconds(time.seconds());
  return format_duration(std::max(seconds, std::chrono::seconds(0)));
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : plain(text); }

int list(const Invocation& invocation) {
  v1::ListSessionsRequest request;
  if (!read_selector(invocation.arguments, *request.mutable_selector())) return usage_error(invocation, kBadId);
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  const auto stub = v1::SessionService::NewStub(*channel);
  google::protobuf::RepeatedPtrField<v1::Session> sessions;
  const auto status = each_page<v1::ListSessionsResponse>(
      invocation, request,
      [&stub](auto& context, const auto& asked, auto& answer) { return stub->ListSessions(&context, asked, &answer); },
      [&sessions](const auto& page) {
        sessions.MergeFrom(page.session());
        return true;
      });
  if (!status.ok()) return report(status, invocation);
  if (invocation.json) {
    print_json(invocation.out, sessions);
    return kOk;
  }
  Table table({{"ID", true},
               {"PROTOCOL"},
               {"CLIENT"},
               {"SINCE", true},
               {"LAST COMMAND"},
               {"AGO", true},
               {"MESSAGES", true},
               {"LOGIN"},
               {"TLS"}});
  for (const auto& one : sessions) {
    table.add({std::to_string(one.id()), plain(one.protocol()) + (one.ending() ? " (ending)" : ""), plain(one.peer()),
               age(one.since()), or_dash(one.last_command()), age(one.last_command_at()),
               std::to_string(one.messages()), or_dash(one.login()), or_dash(one.tls())});
  }
  invocation.out << table.text();
  return kOk;
}

int kick(const Invocation& invocation) {
  v1::KickRequest request;
  if (!read_selector(invocation.arguments, *request.mutable_selector())) return usage_error(invocation, kBadId);
  const auto& selector = request.selector();
  if (selector.id().empty() && selector.login().empty() && selector.client().empty())
    return usage_error(invocation, "which sessions? Give ids, --login or --client");
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  request.set_dry_run(invocation.arguments.has("dry-run"));
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  set_deadline(context, invocation);
  v1::KickResponse response;
  const auto status = v1::SessionService::NewStub(*channel)->Kick(&context, request, &response);
  if (!status.ok()) return report(status, invocation);
  if (invocation.json)
    invocation.out << to_json(response) << '\n';
  else
    invocation.out << response.sessions() << (request.dry_run() ? " sessions would end\n" : " sessions end\n");
  return response.sessions() != 0 ? kOk : kFailed;
}

}  // namespace

std::vector<Command> session_commands() {
  const Option login{"login", "USER", "only those that logged in as USER"};
  const Option client{"client", "ADDRESS", "only those of a client, by its IP address"};
  constexpr std::size_t kMany = 10'000;
  return {
      {"session", "list", "[ID...]", 0, kMany, "clients that are connected now", {login, client}, list},
      {"session",
       "kick",
       "[ID...]",
       0,
       kMany,
       "end sessions with 421 or BYE",
       {login, client, {"reason", "TEXT", "why; for the agent's log"}, {"dry-run", "", "only say what would happen"}},
       kick},
  };
}

}  // namespace quartet::ctl
