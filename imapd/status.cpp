#include "imapd/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "imapd/proto/writer.h"

namespace quartet::imapd {
namespace {

std::string value(const Context& context, const store::MailboxInfo& mailbox, StatusItem item, std::uint64_t deleted) {
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
    case StatusItem::kDeletedStorage:
      return std::to_string(deleted);
  }
  return "0";
}

/// Octets of the messages that are marked as \Deleted: what an EXPUNGE would set free.
async::Task<store::Result<std::uint64_t>> deleted_octets(Context& context, const store::MailboxInfo& mailbox) {
  if (mailbox.status.deleted == 0) co_return std::uint64_t{0};
  const auto view = co_await context.store().snapshot(mailbox.ref);
  if (!view) co_return std::unexpected(view.error());
  std::uint64_t octets = 0;
  for (const auto& block : (*view)->blocks())
    for (const auto& entry : *block)
      if ((entry.flags & store::flag::kDeleted) != 0) octets += entry.size;
  co_return octets;
}

}  // namespace

async::Task<std::optional<Reply>> append_status(Context& context, const store::MailboxInfo& mailbox,
                                                const std::vector<StatusItem>& items) {
  std::uint64_t deleted = 0;
  if (std::ranges::find(items, StatusItem::kDeletedStorage) != items.end()) {
    const auto octets = co_await deleted_octets(context, mailbox);
    if (!octets) co_return failure(octets.error());
    deleted = *octets;
  }
  auto& out = context.output.text();
  out += "* STATUS ";
  append_mailbox_name(out, mailbox.name, context.enabled.utf8);
  out += " (";
  const char* separator = "";
  for (const auto item : items) {
    fmt::format_to(std::back_inserter(out), "{}{} {}", separator, to_string(item),
                   value(context, mailbox, item, deleted));
    separator = " ";
  }
  out += ")\r\n";
  co_return std::nullopt;
}

}  // namespace quartet::imapd
