// quartetctl account ...
#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <ostream>

#include "common/base/ascii.h"
#include "ctl/calls.h"
#include "ctl/password/entry.h"
#include "ctl/password/prompt.h"
#include "ctl/progress.h"
#include "ctl/remote_queue.h"
#include "ctl/table.h"
#include "ctl/values.h"
#include "quartet/control/v1/directory.grpc.pb.h"
#include "quartet/control/v1/mailbox.grpc.pb.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;
using Service = v1::DirectoryService;

constexpr const char* kBadSize = "expected octets such as 500M or 5G; 0: no limit";

std::string limit(const std::string& used, const std::string& most) { return most.empty() ? used : used + "/" + most; }

std::string bytes_of(const v1::Account& account) {
  return limit(account.has_usage() ? format_size(account.usage().bytes()) : "?",
               account.quota_bytes() == 0 ? "" : format_size(account.quota_bytes()));
}
std::string messages_of(const v1::Account& account) {
  return limit(account.has_usage() ? std::to_string(account.usage().messages()) : "?",
               account.quota_messages() == 0 ? "" : std::to_string(account.quota_messages()));
}

std::string logins_of(const v1::Account& account) {
  if (!account.enabled()) return "disabled";
  return account.has_password() ? "yes" : "no password";
}

std::string text_of(const v1::Account& account) {
  std::string text;
  const auto line = [&text](std::string_view name, const std::string& value) {
    if (!value.empty()) text += fmt::format("{}{:<12}{}", text.empty() ? "" : "\n", name, plain(value));
  };
  line("account", account.login());
  line("also", joined(account.address()));
  line("may log in", logins_of(account));
  line("scram", joined(account.scram()));
  line("last login", account.has_last_login() ? time_text(account.last_login()) : "");
  line("octets", bytes_of(account));
  line("messages", messages_of(account));
  line("store", account.store());
  return text;
}

int list(const Invocation& invocation) {
  v1::ListAccountsRequest request;
  request.set_domain(invocation.arguments.value("in-domain").value_or(""));
  request.set_left_over(invocation.arguments.has("left-over"));
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  const auto stub = Service::NewStub(*channel);
  google::protobuf::RepeatedPtrField<v1::Account> accounts;
  const auto status = each_page<v1::ListAccountsResponse>(
      invocation, request,
      [&stub](auto& context, const auto& asked, auto& answer) { return stub->ListAccounts(&context, asked, &answer); },
      [&accounts](const auto& page) {
        accounts.MergeFrom(page.account());
        return true;
      });
  if (!status.ok()) return report(status, invocation);
  if (invocation.json) {
    print_json(invocation.out, accounts);
    return kOk;
  }
  if (request.left_over()) {
    Table table({{"LOGIN"}, {"OCTETS", true}, {"MESSAGES", true}, {"STORE"}});
    for (const auto& one : accounts)
      table.add({plain(one.login()), bytes_of(one), messages_of(one), plain(one.store())});
    invocation.out << table.text();
    return kOk;
  }
  Table table({{"LOGIN"}, {"OCTETS", true}, {"MESSAGES", true}, {"MAY LOG IN"}, {"LAST LOGIN"}});
  for (const auto& one : accounts)
    table.add({plain(one.login()), bytes_of(one), messages_of(one), logins_of(one),
               one.has_last_login() ? time_text(one.last_login()) : "-"});
  invocation.out << table.text();
  return kOk;
}

int show(const Invocation& invocation) {
  v1::GetAccountRequest request;
  request.set_login(invocation.arguments.operands().front());
  return call<Service>(invocation, &Service::Stub::GetAccount, request,
                       [](const v1::GetAccountResponse& response) { return text_of(response.account()); });
}

/// The hash of a password that is asked for; the password itself goes nowhere. The error says why there is none.
std::expected<void, std::string> ask_for_secret(const Invocation& invocation, v1::Secret& secret) {
  const auto method = crypto::password_hash_named(invocation.arguments.value("hash").value_or("yescrypt"));
  if (!method) return std::unexpected("--hash: expected yescrypt, argon2id, bcrypt or sha512");
  const auto password = password::read_new();
  if (!password) return std::unexpected(password.error());
  const auto entry = password::entry(*password, *method);
  if (!entry) return std::unexpected(entry.error());
  secret.set_password_hash(entry->hash);
  for (const auto& verifier : entry->scram_verifiers) secret.add_scram_verifier(verifier);
  return {};
}

/// What the answer to a change says; kFailed if the agent does not go by it.
template <typename Request>
int change(const Invocation& invocation,
           grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&, v1::ChangeAccountResponse*),
           Request request, const char* done) {
  request.set_login(invocation.arguments.operands().front());
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  std::string fault;
  const int code = call<Service>(invocation, method, request, [&](const v1::ChangeAccountResponse& response) {
    fault = response.not_in_use();
    return fmt::format("{} {}", plain(response.account().login()), done);
  });
  if (fault.empty()) return code;
  invocation.err << "quartetctl: it is written, but the agent does not go by it: " << plain(fault) << '\n';
  return kFailed;
}

/// Takes --quota and --quota-messages; false if one of them is no number.
template <typename Request>
bool take_quota(const Invocation& invocation, Request& request) {
  if (const auto text = invocation.arguments.value("quota")) {
    const auto bytes = parse_size(*text);
    if (!bytes) return false;
    request.set_quota_bytes(*bytes);
  }
  if (const auto text = invocation.arguments.value("quota-messages")) {
    const auto messages = ascii::to_number(*text);
    if (!messages) return false;
    request.set_quota_messages(*messages);
  }
  return true;
}

/// A new account may have the mail of one that had its login before.
void warn_of_old_mail(const Invocation& invocation) {
  const auto channel = connect(invocation);
  if (!channel) return;
  const auto stub = Service::NewStub(*channel);
  v1::GetAccountRequest request;
  request.set_login(invocation.arguments.operands().front());
  v1::GetAccountResponse response;
  const auto status = ask(invocation, request, response, [&stub](auto& context, const auto& asked, auto& answer) {
    return stub->GetAccount(&context, asked, &answer);
  });
  if (!status.ok() || response.account().usage().messages() == 0) return;
  invocation.err << fmt::format(
      "quartetctl: it has {} messages of a removed account of that login; unless they are to be found there, "
      "remove it again and call account erase first\n",
      response.account().usage().messages());
}

int add(const Invocation& invocation) {
  v1::AddAccountRequest request;
  for (const auto& address : invocation.arguments.values("address")) request.add_address(address);
  if (!take_quota(invocation, request)) return usage_error(invocation, std::string("--quota: ") + kBadSize);
  request.set_disabled(invocation.arguments.has("disabled"));
  if (!invocation.arguments.has("no-password")) {
    const auto asked = ask_for_secret(invocation, *request.mutable_secret());
    if (!asked) return usage_error(invocation, asked.error());
  }
  const int code = change(invocation, &Service::Stub::AddAccount, request, "is there");
  if (code == kOk) warn_of_old_mail(invocation);
  return code;
}

int update(const Invocation& invocation, const v1::UpdateAccountRequest& request, const char* done) {
  return change(invocation, &Service::Stub::UpdateAccount, request, done);
}

int set_password(const Invocation& invocation) {
  v1::UpdateAccountRequest request;
  const auto asked = ask_for_secret(invocation, *request.mutable_secret());
  if (!asked) return usage_error(invocation, asked.error());
  return update(invocation, request, "has a new password");
}

int enable(const Invocation& invocation) {
  v1::UpdateAccountRequest request;
  request.set_enabled(true);
  return update(invocation, request, "may log in");
}

int disable(const Invocation& invocation) {
  v1::UpdateAccountRequest request;
  request.set_enabled(false);
  return update(invocation, request, "may not log in");
}

int change_addresses(const Invocation& invocation) {
  v1::UpdateAccountRequest request;
  for (const auto& address : invocation.arguments.values("add")) request.add_add_address(address);
  for (const auto& address : invocation.arguments.values("remove")) request.add_remove_address(address);
  if (request.add_address().empty() && request.remove_address().empty())
    return usage_error(invocation, "which addresses? Give --add or --remove");
  return update(invocation, request, "has other addresses");
}

int remove(const Invocation& invocation) {
  return change(invocation, &Service::Stub::RemoveAccount, v1::RemoveAccountRequest(), "is gone; its mail is kept");
}

int erase(const Invocation& invocation) {
  v1::EraseAccountRequest request;
  request.set_account(invocation.arguments.operands().front());
  request.set_dry_run(invocation.arguments.has("dry-run"));
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  return call<v1::MailboxService>(
      invocation, &v1::MailboxService::Stub::EraseAccount, request, [&request](const auto& erased) {
        return fmt::format("{} messages {}", erased.messages(), request.dry_run() ? "would be erased" : "erased");
      });
}

std::string moved_text(const v1::MoveAccountResponse& response) {
  return fmt::format("{} of {} messages, {} of {}", response.messages_copied(), response.messages(),
                     format_size(response.bytes_copied()), format_size(response.bytes()));
}

/// Calls until it is done; what is left on the way when the user interrupts it does no harm.
int move(const Invocation& invocation) {
  const auto& account = invocation.arguments.operands().front();
  const auto reason = invocation.arguments.value("reason").value_or("");
  const bool aborts = invocation.arguments.has("abort"), purges = invocation.arguments.has("purge");
  const auto to = invocation.arguments.value("to");
  if (aborts && (to || purges)) return usage_error(invocation, "--abort: not with --to or --purge");
  if (!aborts && !purges && !to) return usage_error(invocation, "where to? Give --to");
  if (invocation.arguments.has("dry-run") && !to) return usage_error(invocation, "--dry-run: only with --to");
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  const auto stub = v1::MailboxService::NewStub(*channel);
  v1::MoveAccountResponse response;
  if (aborts) {
    v1::AbortAccountMoveRequest request;
    request.set_account(account);
    request.set_reason(reason);
    const auto status = ask(invocation, request, response, [&](auto& context, const auto& asked, auto& answer) {
      return stub->AbortAccountMove(&context, asked, &answer);
    });
    if (!status.ok()) return report(status, invocation);
    invocation.out << (invocation.json ? to_json(response)
                                       : fmt::format("{} stays in {}", plain(account), plain(response.from())))
                   << '\n';
    return kOk;
  }
  if (to) {
    v1::MoveAccountRequest request;
    request.set_account(account);
    request.set_to(*to);
    request.set_reason(reason);
    request.set_dry_run(invocation.arguments.has("dry-run"));
    Progress progress(invocation.err, Progress::on_terminal(invocation.err));
    do {
      const auto status = ask(invocation, request, response, [&](auto& context, const auto& asked, auto& answer) {
        return stub->MoveAccount(&context, asked, &answer);
      });
      if (!status.ok()) return report(status, invocation);
      progress.show(response.messages_copied(), response.messages());
    } while (!response.done() && !request.dry_run());
  }
  if (to) {
    const auto how = response.done() ? fmt::format("is in {}: {} messages, {}", plain(response.to()),
                                                   response.messages(), format_size(response.bytes()))
                                     : fmt::format("is in {}; {} has {}", plain(response.from()), plain(response.to()),
                                                   moved_text(response));
    invocation.out << (invocation.json ? to_json(response) : fmt::format("{} {}", plain(account), how)) << '\n';
  }
  if (!purges || invocation.arguments.has("dry-run")) return kOk;
  v1::PurgeMovedAccountRequest request;
  request.set_account(account);
  request.set_reason(reason);
  return call<v1::MailboxService>(
      invocation, &v1::MailboxService::Stub::PurgeMovedAccount, request,
      [](const auto& purged) { return fmt::format("{} messages removed where it was", purged.messages()); });
}

}  // namespace

std::vector<Command> account_commands() {
  const Option reason{"reason", "TEXT", "why; for the agent's log"};
  const Option hash{"hash", "METHOD", "how the password is kept (default: yescrypt)",
                    "yescrypt argon2id bcrypt sha512"};
  return {
      {"account",
       "list",
       "",
       0,
       0,
       "who has mail here, and how much",
       {{"in-domain", "DOMAIN", "only those with an address in it"},
        {"left-over", "", "in their place those that were removed and whose mail is still there"}},
       list},
      {"account", "show", "LOGIN", 1, 1, "one of them, with its addresses and its last login", {}, show},
      {"account",
       "add",
       "LOGIN",
       1,
       1,
       "make an account; the password is asked for, or the first line of what is piped in",
       {{"address", "ADDRESS", "another address of it; may be repeated"},
        {"quota", "SIZE", "how many octets it may have, such as 5G (default: no limit)"},
        {"quota-messages", "N", "how many messages it may have (default: no limit)"},
        {"disabled", "", "it may not log in"},
        {"no-password", "", "ask for none: nobody can log in"},
        hash,
        reason},
       add},
      {"account",
       "set-password",
       "LOGIN",
       1,
       1,
       "give it a new password, which is asked for, or the first line of what is piped in",
       {hash, reason},
       set_password},
      {"account", "enable", "LOGIN", 1, 1, "let it log in", {reason}, enable},
      {"account", "disable", "LOGIN", 1, 1, "refuse its logins; mail is still taken in", {reason}, disable},
      {"account",
       "address",
       "LOGIN",
       1,
       1,
       "change its other addresses",
       {{"add", "ADDRESS", "one more; may be repeated"}, {"remove", "ADDRESS", "no longer; may be repeated"}, reason},
       change_addresses},
      {"account",
       "remove",
       "LOGIN",
       1,
       1,
       "refuse its mail from now on; what it has stays in the store",
       {reason},
       remove},
      {"account",
       "erase",
       "LOGIN",
       1,
       1,
       "remove for good what is kept of an account that was removed; at the mda its Sieve scripts too",
       {{"dry-run", "", "only say how many messages there are"}, reason},
       erase},
      {"account",
       "move",
       "LOGIN",
       1,
       1,
       "bring its mail into another store of the agent while it is used; goes on with what was begun",
       {{"to", "STORE", "the name of an `additional_store`, or \"main\""},
        {"dry-run", "", "with --to: only say how much there is, and how much is there already"},
        {"abort", "", "drop what is copied; it stays where it is"},
        {"purge", "", "remove what is left of it in the stores where it was; alone, or once it is moved"},
        reason},
       move},
  };
}

}  // namespace quartet::ctl
