// quartetctl config ...
#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <expected>
#include <iostream>
#include <iterator>
#include <ostream>
#include <string>

#include "common/base/read_file.h"
#include "ctl/calls.h"
#include "ctl/values.h"
#include "quartet/control/v1/config.grpc.pb.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;
using Service = v1::ConfigService;

/// The text of the file that the operand names, "-" for the standard input, into the request; none without an operand.
template <typename Request>
std::expected<void, std::string> take_text(const Invocation& invocation, Request& request) {
  const auto& operands = invocation.arguments.operands();
  if (operands.empty()) return {};
  if (operands.front() == "-") {
    request.set_text(std::string(std::istreambuf_iterator<char>(std::cin), {}));
    return {};
  }
  auto text = read_file(operands.front());
  if (!text) return std::unexpected(operands.front() + ": " + text.error());
  request.set_text(*std::move(text));
  return {};
}

/// Asks about a file, and prints the faults in it, or what `print` says of a good one.
template <typename Request, typename Response>
int ask_about_file(const Invocation& invocation,
                   grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                   void (*print)(const Invocation&, const Response&)) {
  Request request;
  if (const auto taken = take_text(invocation, request); !taken) return usage_error(invocation, taken.error());
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  Response response;
  const auto stub = Service::NewStub(*channel);
  const auto status = ask(invocation, request, response, [&](auto& context, const auto& asked, auto& answer) {
    return (stub.get()->*method)(&context, asked, &answer);
  });
  if (!status.ok()) return report(status, invocation);
  if (invocation.json) {
    invocation.out << to_json(response) << '\n';
  } else {
    for (const auto& fault : response.fault()) invocation.err << plain(fault) << '\n';
    if (response.fault().empty()) print(invocation, response);
  }
  return response.fault().empty() ? kOk : kFailed;
}

void print_good(const Invocation& invocation, const v1::ValidateConfigResponse&) { invocation.out << "no faults\n"; }

int validate(const Invocation& invocation) {
  return ask_about_file(invocation, &Service::Stub::ValidateConfig, print_good);
}

void print_changes(const Invocation& invocation, const v1::DiffConfigResponse& response) {
  for (const auto& change : response.change()) {
    invocation.out << change.setting() << (change.at_start() ? "  (takes effect at the next start)" : "") << '\n';
    if (!change.before().empty()) invocation.out << "- " << plain(change.before()) << '\n';
    if (!change.after().empty()) invocation.out << "+ " << plain(change.after()) << '\n';
  }
  if (response.change().empty()) invocation.out << "no changes\n";
}

int diff(const Invocation& invocation) { return ask_about_file(invocation, &Service::Stub::DiffConfig, print_changes); }

int show(const Invocation& invocation) {
  v1::GetConfigRequest request;
  if (!invocation.arguments.operands().empty()) request.set_setting(invocation.arguments.operands().front());
  return call<Service>(invocation, &Service::Stub::GetConfig, request, [](const v1::GetConfigResponse& response) {
    return response.text().substr(0, response.text().find_last_not_of('\n') + 1);
  });
}

std::string explained(const v1::ExplainRecipientResponse& response) {
  std::string out;
  const auto line = [&out](std::string_view name, const std::string& text) {
    out += fmt::format("{}{:<6}{}", out.empty() ? "" : "\n", name, text);
  };
  const auto reply = [&line](std::string_view command, const v1::Reply& said) {
    line(command, fmt::format("{} {} {}", said.code(), said.enhanced(), plain(said.text())));
  };
  reply("MAIL", response.mail());
  reply("RCPT", response.rcpt());
  for (const auto& reason : response.reason()) line("why", plain(reason));
  for (const auto& place : response.leads_to()) line("to", plain(place));
  return out;
}

int explain(const Invocation& invocation) {
  v1::ExplainRecipientRequest request;
  request.set_address(invocation.arguments.operands().front());
  request.set_client(invocation.arguments.value("client").value_or(""));
  request.set_login(invocation.arguments.value("login").value_or(""));
  request.set_sender(invocation.arguments.value("sender").value_or(""));
  return call<Service>(invocation, &Service::Stub::ExplainRecipient, request, explained);
}

}  // namespace

std::vector<Command> config_commands() {
  return {
      {"config",
       "validate",
       "[FILE]",
       0,
       1,
       "every fault of FILE (-: what is piped in), or of the agent's own, by the agent",
       {},
       validate},
      {"config", "diff", "[FILE]", 0, 1, "what a reload would change, with FILE in place of the agent's own", {}, diff},
      {"config",
       "show",
       "[SETTING]",
       0,
       1,
       "the configuration that counts, or a setting of it such as sending.dns",
       {},
       show},
      {"config",
       "explain",
       "ADDRESS",
       1,
       1,
       "how a recipient would be answered, and why",
       {{"client", "IP", "the client's address (default: a UNIX socket's)"},
        {"login", "LOGIN", "as whom it is authenticated"},
        {"sender", "ADDRESS", "the reverse-path (default: that of a notice)"}},
       explain},
  };
}

}  // namespace quartet::ctl
