// quartetctl mailbox ...
#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <ostream>

#include "common/base/ascii.h"
#include "ctl/calls.h"
#include "ctl/remote_queue.h"
#include "ctl/table.h"
#include "ctl/values.h"
#include "quartet/control/v1/mailbox.grpc.pb.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;
using Service = v1::MailboxService;

template <typename Request>
Request request_of(const Invocation& invocation) {
  Request request;
  request.set_account(invocation.arguments.operands()[0]);
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  return request;
}

std::string flags_of(const v1::Mailbox& mailbox) {
  auto text = plain(mailbox.special_use());
  if (!mailbox.exists()) text = "(no mailbox)";
  if (!mailbox.subscribed()) text += text.empty() ? "unsubscribed" : " unsubscribed";
  return text;
}

int list(const Invocation& invocation) {
  v1::ListMailboxesRequest request;
  const auto operands = invocation.arguments.operands();
  request.set_account(operands[0]);
  if (operands.size() > 1) request.set_name(operands[1]);
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  const auto stub = Service::NewStub(*channel);
  google::protobuf::RepeatedPtrField<v1::Mailbox> mailboxes;
  const auto status = each_page<v1::ListMailboxesResponse>(
      invocation, request,
      [&stub](auto& context, const auto& asked, auto& answer) { return stub->ListMailboxes(&context, asked, &answer); },
      [&mailboxes](const auto& page) {
        mailboxes.MergeFrom(page.mailbox());
        return true;
      });
  if (!status.ok()) return report(status, invocation);
  if (mailboxes.empty() && operands.size() > 1) {
    invocation.err << "quartetctl: no such mailbox: " << plain(operands[1]) << '\n';
    return kFailed;
  }
  if (invocation.json) {
    print_json(invocation.out, mailboxes);
    return kOk;
  }
  Table table({{"MESSAGES", true},
               {"UNSEEN", true},
               {"DELETED", true},
               {"SIZE", true},
               {"UIDVALIDITY", true},
               {"UIDNEXT", true},
               {"MODSEQ", true},
               {"MAILBOX"},
               {""}});
  for (const auto& one : mailboxes) {
    if (one.exists())
      table.add({std::to_string(one.messages()), std::to_string(one.unseen()), std::to_string(one.deleted()),
                 format_size(one.size()), std::to_string(one.uidvalidity()), std::to_string(one.uidnext()),
                 std::to_string(one.highest_modseq()), plain(one.name()), flags_of(one)});
    else
      table.add({"-", "-", "-", "-", "-", "-", "-", plain(one.name()), flags_of(one)});
  }
  invocation.out << table.text();
  return kOk;
}

int create(const Invocation& invocation) {
  auto request = request_of<v1::CreateMailboxRequest>(invocation);
  request.set_name(invocation.arguments.operands()[1]);
  request.set_special_use(invocation.arguments.value("special-use").value_or(""));
  return call<Service>(
      invocation, &Service::Stub::CreateMailbox, request,
      [](const v1::CreateMailboxResponse& response) { return plain(response.mailbox().name()) + " is there"; });
}

int rename(const Invocation& invocation) {
  auto request = request_of<v1::RenameMailboxRequest>(invocation);
  request.set_from(invocation.arguments.operands()[1]);
  request.set_to(invocation.arguments.operands()[2]);
  return call<Service>(invocation, &Service::Stub::RenameMailbox, request,
                       [&request](const v1::RenameMailboxResponse&) { return "it is now " + plain(request.to()); });
}

std::string counted(std::uint64_t messages, bool dry_run, const char* done) {
  return fmt::format("{} messages {}{}", messages, dry_run ? "would be " : "", done);
}

int remove(const Invocation& invocation) {
  auto request = request_of<v1::DeleteMailboxRequest>(invocation);
  request.set_name(invocation.arguments.operands()[1]);
  request.set_dry_run(invocation.arguments.has("dry-run"));
  return call<Service>(invocation, &Service::Stub::DeleteMailbox, request,
                       [&request](const v1::DeleteMailboxResponse& response) {
                         return counted(response.messages(), request.dry_run(), "gone with it");
                       });
}

int subscription(const Invocation& invocation, bool subscribed) {
  auto request = request_of<v1::SubscribeMailboxRequest>(invocation);
  request.set_name(invocation.arguments.operands()[1]);
  request.set_subscribed(subscribed);
  return call<Service>(invocation, &Service::Stub::SubscribeMailbox, request,
                       [=](const v1::SubscribeMailboxResponse&) { return subscribed ? "subscribed" : "unsubscribed"; });
}
int subscribe(const Invocation& invocation) { return subscription(invocation, true); }
int unsubscribe(const Invocation& invocation) { return subscription(invocation, false); }

template <typename Response>
std::string acl_text(const Response& response) {
  Table table({{"IDENTIFIER"}, {"RIGHTS"}});
  for (const auto& entry : response.entry()) table.add({plain(entry.identifier()), plain(entry.rights())});
  auto text = table.text();
  text.pop_back();
  return text;
}

int show_acl(const Invocation& invocation) {
  v1::GetMailboxAclRequest request;
  request.set_account(invocation.arguments.operands()[0]);
  request.set_name(invocation.arguments.operands()[1]);
  return call<Service>(invocation, &Service::Stub::GetMailboxAcl, request, acl_text<v1::GetMailboxAclResponse>);
}

int set_acl(const Invocation& invocation) {
  auto request = request_of<v1::SetMailboxAclRequest>(invocation);
  const auto operands = invocation.arguments.operands();
  request.set_name(operands[1]);
  request.set_identifier(operands[2]);
  request.set_rights(operands[3]);
  return call<Service>(invocation, &Service::Stub::SetMailboxAcl, request, acl_text<v1::SetMailboxAclResponse>);
}

/// The error says which option makes no sense.
std::expected<v1::MessageSelector, std::string> read_messages(const Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  v1::MessageSelector selector;
  if (!take_duration(invocation, "older-than", [&selector] { return selector.mutable_older_than(); }) ||
      !take_duration(invocation, "newer-than", [&selector] { return selector.mutable_newer_than(); }))
    return std::unexpected("--older-than and --newer-than: expected an age such as 12h or 30d");
  for (const auto& flag : arguments.values("flag")) selector.add_flag(flag);
  for (const auto& flag : arguments.values("no-flag")) selector.add_no_flag(flag);
  if (const auto text = arguments.value("larger-than")) {
    const auto size = parse_size(*text);
    if (!size || *size == 0) return std::unexpected("--larger-than: expected octets such as 500K or 10M");
    selector.set_larger_than(*size);
  }
  for (const auto& text : arguments.values("uid")) {
    const auto uid = ascii::to_number<std::uint32_t>(text);
    if (!uid || *uid == 0) return std::unexpected("--uid: expected a number from 1");
    selector.add_uid(*uid);
  }
  if (selector.ByteSizeLong() == 0 && !arguments.has("all"))
    return std::unexpected("which messages? Give conditions, or --all");
  if (selector.ByteSizeLong() != 0 && arguments.has("all"))
    return std::unexpected("--all leaves no room for other conditions");
  selector.set_all(arguments.has("all"));
  return selector;
}

/// What to expunge and to move have in common. The exit code if there is nothing to ask.
template <typename Request>
std::optional<int> take_messages(const Invocation& invocation, Request& request) {
  request.set_name(invocation.arguments.operands()[1]);
  const auto selector = read_messages(invocation);
  if (!selector) return usage_error(invocation, selector.error());
  *request.mutable_selector() = *selector;
  const auto most = invocation.arguments.count("max-affected");
  if (!most) return usage_error(invocation, most.error());
  request.set_max_affected(most->value_or(0));
  request.set_dry_run(invocation.arguments.has("dry-run"));
  return std::nullopt;
}

int expunge(const Invocation& invocation) {
  auto request = request_of<v1::ExpungeMessagesRequest>(invocation);
  if (const auto code = take_messages(invocation, request)) return *code;
  return call<Service>(invocation, &Service::Stub::ExpungeMessages, request,
                       [&request](const v1::ExpungeMessagesResponse& response) {
                         return counted(response.messages(), request.dry_run(), "removed");
                       });
}

int move(const Invocation& invocation) {
  auto request = request_of<v1::MoveMessagesRequest>(invocation);
  request.set_to(invocation.arguments.operands()[2]);
  request.set_to_account(invocation.arguments.value("to-account").value_or(""));
  if (const auto code = take_messages(invocation, request)) return *code;
  return call<Service>(invocation, &Service::Stub::MoveMessages, request,
                       [&request](const v1::MoveMessagesResponse& response) {
                         return counted(response.messages(), request.dry_run(), "moved");
                       });
}

constexpr Option kReason{"reason", "TEXT", "why; for the agent's log"};
constexpr Option kDryRun{"dry-run", "", "only say what would happen"};

std::vector<Option> message_options() {
  return {{"all", "", "all messages of the mailbox"},
          {"older-than", "AGE", "that came at least so long ago, such as 30d"},
          {"newer-than", "AGE", "that came less than so long ago"},
          {"flag", "FLAG", "with this flag or keyword, such as \\Seen; may be repeated"},
          {"no-flag", "FLAG", "without this one; may be repeated"},
          {"larger-than", "SIZE", "of more octets, such as 10M"},
          {"uid", "UID", "this message; may be repeated"},
          {"max-affected", "N", "change nothing if more than N would be changed"},
          kDryRun,
          kReason};
}

}  // namespace

std::vector<Command> mailbox_commands() {
  auto moving = message_options();
  moving.push_back({"to-account", "LOGIN", "whose mailbox TO is (default: the same account's)"});
  const Option use{"special-use", "USE", "what it is for (RFC 6154)",
                   "\\All \\Archive \\Drafts \\Flagged \\Important \\Junk \\Sent \\Trash"};
  return {
      {"mailbox", "list", "LOGIN [MAILBOX]", 1, 2, "mailboxes of an account, or one and those below it", {}, list},
      {"mailbox", "create", "LOGIN MAILBOX", 2, 2, "make one", {use, kReason}, create},
      {"mailbox", "rename", "LOGIN MAILBOX TO", 3, 3, "rename one, with those below it", {kReason}, rename},
      {"mailbox", "delete", "LOGIN MAILBOX", 2, 2, "remove one with its messages", {kDryRun, kReason}, remove},
      {"mailbox", "subscribe", "LOGIN MAILBOX", 2, 2, "let clients show it", {kReason}, subscribe},
      {"mailbox", "unsubscribe", "LOGIN MAILBOX", 2, 2, "no longer", {kReason}, unsubscribe},
      {"mailbox", "acl", "LOGIN MAILBOX", 2, 2, "who else may do what with it (RFC 4314)", {}, show_acl},
      {"mailbox",
       "set-acl",
       "LOGIN MAILBOX WHO RIGHTS",
       4,
       4,
       "let a login, or anyone, do what the letters say; +LETTERS adds, and after -- -LETTERS takes away",
       {kReason},
       set_acl},
      {"mailbox", "expunge", "LOGIN MAILBOX", 2, 2, "remove messages for good", message_options(), expunge},
      {"mailbox", "move", "LOGIN MAILBOX TO", 3, 3, "move messages to another mailbox", std::move(moving), move},
  };
}

}  // namespace quartet::ctl
