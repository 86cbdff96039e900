#include "imapd/status.h"

#include <fmt/format.h>

#include <iterator>

#include "imapd/proto/writer.h"

namespace quartet::imapd {
namespace {

std::string value(const Context& context, const store::MailboxInfo& mailbox, StatusItem item) {
  const auto& status = mailbox.status;
  switch (item) {
    case StatusItem::kMessages:
      return std::to_string(status.messages);
    case StatusItem::kRecent:
      return std::to_string(status.recent);
    case StatusItem::kUidNext:
      return std::to_string(status.uidnext);
    case StatusItem::kUidValidity:
      return std::to_string(status.uidvalidity);
    case StatusItem::kUnseen:
      return std::to_string(status.unseen);
    case StatusItem::kDeleted:
      return std::to_string(status.deleted);
    case StatusItem::kSize:
      return std::to_string(status.size);
    case StatusItem::kHighestModSeq:
      return std::to_string(status.highest_modseq);
    case StatusItem::kMailboxId:
      return "(" + mailbox.id + ")";
    case StatusItem::kAppendLimit:
      return std::to_string(context.options.message_size);
  }
  return "0";
}

}  // namespace

void append_status(Context& context, const store::MailboxInfo& mailbox, const std::vector<StatusItem>& items) {
  auto& out = context.output.text();
  out += "* STATUS ";
  append_mailbox_name(out, mailbox.name, context.enabled.utf8);
  out += " (";
  const char* separator = "";
  for (const auto item : items) {
    fmt::format_to(std::back_inserter(out), "{}{} {}", separator, to_string(item), value(context, mailbox, item));
    separator = " ";
  }
  out += ")\r\n";
}

}  // namespace quartet::imapd
