// APPEND: RFC 3501 section 6.3.11, several messages at once (RFC 3502), APPENDUID (RFC 4315).
#include <fmt/format.h>

#include <algorithm>

#include "imapd/commands.h"
#include "imapd/flags.h"
#include "imapd/proto/sequence_set.h"

namespace quartet::imapd {
namespace {

std::optional<Reply> refuse(const AppendItem& item) {
  // RFC 3502 section 6: an empty literal takes the APPEND back.
  if (item.message.empty()) return Reply::no("An empty message: nothing was appended");
  // No other client could fetch it with BODY[] (RFC 3516 section 4.4).
  if (item.message.find('\0') != std::string::npos) return Reply::no("The message holds NUL", "UNKNOWN-CTE");
  if (item.utf8) return Reply::bad("UTF8 was not enabled");
  return std::nullopt;
}

store::AppendMessage to_message(AppendItem& item) {
  auto names = sort_flags(item.flags);
  store::AppendMessage message;
  message.bytes = std::make_shared<const std::string>(std::move(item.message));
  message.flags = names.system;
  message.keywords = std::move(names.keywords);
  if (item.date) message.internaldate = item.date->time();
  return message;
}

}  // namespace

Answer append(Context& context, Append& command) {
  const auto target = co_await context.store().find(context.account, command.mailbox);
  if (!target) co_return no_target(target.error());
  std::vector<store::AppendMessage> messages;
  for (auto& item : command.items) {
    if (auto refusal = refuse(item)) co_return *std::move(refusal);
    messages.push_back(to_message(item));
  }
  const auto appended = co_await context.store().append(target->ref, std::move(messages));
  if (!appended) co_return no_target(appended.error());
  context.changed = context.selected && context.selected->ref() == target->ref;
  co_return Reply::ok("Appended",
                      fmt::format("APPENDUID {} {}", appended->uidvalidity, to_sequence_text(appended->uids)));
}

}  // namespace quartet::imapd
