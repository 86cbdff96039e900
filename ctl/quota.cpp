// quartetctl quota ...
#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include "common/base/ascii.h"
#include "ctl/calls.h"
#include "ctl/table.h"
#include "ctl/values.h"
#include "quartet/control/v1/directory.grpc.pb.h"
#include "quartet/control/v1/mailbox.grpc.pb.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;
using Service = v1::MailboxService;

void add_row(Table& table, const std::string& name, const v1::Quota& quota) {
  const auto limit = [](std::uint64_t most, const std::string& text) { return most == 0 ? "-" : text; };
  table.add({format_size(quota.bytes()), limit(quota.bytes_limit(), format_size(quota.bytes_limit())),
             std::to_string(quota.messages()), limit(quota.messages_limit(), std::to_string(quota.messages_limit())),
             plain(name)});
}

Table quota_table() { return Table({{"OCTETS", true}, {"LIMIT", true}, {"MESSAGES", true}, {"LIMIT", true}, {"OF"}}); }

std::string without_end(std::string text) {
  text.pop_back();
  return text;
}

int show(const Invocation& invocation) {
  v1::GetQuotaRequest request;
  request.set_account(invocation.arguments.operands()[0]);
  return call<Service>(invocation, &Service::Stub::GetQuota, request, [&](const v1::GetQuotaResponse& response) {
    auto table = quota_table();
    add_row(table, request.account(), response.account());
    for (const auto& mailbox : response.mailbox()) add_row(table, mailbox.name(), mailbox.quota());
    return without_end(table.text());
  });
}

struct Limits {
  std::optional<std::uint64_t> bytes, messages;
};

/// The error says which option makes no sense.
std::expected<Limits, std::string> read_limits(const Arguments& arguments) {
  Limits limits;
  const auto bytes = arguments.value("bytes"), messages = arguments.value("messages");
  if (!bytes && !messages) return std::unexpected("which limit? Give --bytes or --messages");
  if (bytes && !(limits.bytes = parse_size(*bytes)))
    return std::unexpected("--bytes: expected octets such as 500M or 5G; 0: no limit");
  if (messages && !(limits.messages = ascii::to_number(*messages)))
    return std::unexpected("--messages: expected a number; 0: no limit");
  return limits;
}

int set_of_mailbox(const Invocation& invocation, const Limits& limits, const std::string& mailbox) {
  v1::SetMailboxQuotaRequest request;
  request.set_account(invocation.arguments.operands()[0]);
  request.set_name(mailbox);
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  if (limits.bytes) request.set_bytes(*limits.bytes);
  if (limits.messages) request.set_messages(*limits.messages);
  return call<Service>(invocation, &Service::Stub::SetMailboxQuota, request,
                       [&mailbox](const v1::SetMailboxQuotaResponse& response) {
                         auto table = quota_table();
                         add_row(table, mailbox, response.quota());
                         return without_end(table.text());
                       });
}

int set(const Invocation& invocation) {
  const auto limits = read_limits(invocation.arguments);
  if (!limits) return usage_error(invocation, limits.error());
  if (const auto mailbox = invocation.arguments.value("mailbox")) return set_of_mailbox(invocation, *limits, *mailbox);
  v1::UpdateAccountRequest request;
  request.set_login(invocation.arguments.operands()[0]);
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  if (limits->bytes) request.set_quota_bytes(*limits->bytes);
  if (limits->messages) request.set_quota_messages(*limits->messages);
  std::string fault;
  const int code = call<v1::DirectoryService>(
      invocation, &v1::DirectoryService::Stub::UpdateAccount, request, [&](const v1::ChangeAccountResponse& response) {
        fault = response.not_in_use();
        const auto& account = response.account();
        const auto limit = [](std::uint64_t most, const std::string& text) { return most == 0 ? "no limit" : text; };
        return fmt::format("{}: octets {}, messages {}", plain(account.login()),
                           limit(account.quota_bytes(), format_size(account.quota_bytes())),
                           limit(account.quota_messages(), std::to_string(account.quota_messages())));
      });
  if (fault.empty()) return code;
  invocation.err << "quartetctl: it is written, but the agent does not go by it: " << plain(fault) << '\n';
  return kFailed;
}

int recount(const Invocation& invocation) {
  v1::RecountQuotaRequest request;
  request.set_account(invocation.arguments.operands()[0]);
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  return call<Service>(invocation, &Service::Stub::RecountQuota, request, [](const v1::RecountQuotaResponse& response) {
    return fmt::format("{} messages of {}; {} numbers were wrong", response.account().messages(),
                       format_size(response.account().bytes()), response.wrong());
  });
}

}  // namespace

std::vector<Command> quota_commands() {
  const Option reason{"reason", "TEXT", "why; for the agent's log"};
  return {
      {"quota",
       "show",
       "LOGIN",
       1,
       1,
       "what an account has and may have, and its mailboxes that have limits",
       {},
       show},
      {"quota",
       "set",
       "LOGIN",
       1,
       1,
       "limit an account, or a mailbox of it beside that; what is there may be more and stays",
       {{"mailbox", "NAME", "this mailbox instead of the account"},
        {"bytes", "SIZE", "octets, such as 5G; 0: no limit"},
        {"messages", "N", "messages; 0: no limit"},
        reason},
       set},
      {"quota", "recount", "LOGIN", 1, 1, "count its messages anew; none is touched", {reason}, recount},
  };
}

}  // namespace quartet::ctl
