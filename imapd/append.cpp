// APPEND: RFC 3501 section 6.3.11, several messages at once (RFC 3502), APPENDUID (RFC 4315), binary messages (RFC 3516
// section 4.4).
#include <fmt/format.h>

#include <algorithm>

#include "common/mime/seven_bit.h"
#include "imapd/commands.h"
#include "imapd/flags.h"
#include "imapd/proto/sequence_set.h"

namespace quartet::imapd {
namespace {

/// BODY[] cannot carry NUL, so parts that hold it are encoded anew; BINARY gives them back as they were.
std::optional<Reply> encode_binary(AppendItem& item) {
  if (item.message.find('\0') == std::string::npos) return std::nullopt;
  auto encoded = mime::to_seven_bit(item.message);
  if (!encoded) return Reply::no(std::string(mime::to_string(encoded.error())), "UNKNOWN-CTE");
  item.message = *std::move(encoded);
  return std::nullopt;
}

std::optional<Reply> prepare(AppendItem& item) {
  // RFC 3502 section 6: an empty literal takes the APPEND back.
  if (item.message.empty()) return Reply::no("An empty message: nothing was appended");
  if (item.utf8) return Reply::bad("UTF8 was not enabled");
  return encode_binary(item);
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
    if (auto refusal = prepare(item)) co_return *std::move(refusal);
    messages.push_back(to_message(item));
  }
  context.changed = context.selected && context.selected->ref() == target->ref;
  const bool claims = context.changed && !context.selected->read_only();
  const auto appended = co_await context.store().append(target->ref, std::move(messages), claims);
  if (!appended) co_return no_target(appended.error());
  if (claims) context.selected->add_recent(appended->recent);
  co_return Reply::ok("Appended",
                      fmt::format("APPENDUID {} {}", appended->uidvalidity, to_sequence_text(appended->uids)));
}

}  // namespace quartet::imapd
