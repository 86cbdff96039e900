// APPEND: RFC 3501 section 6.3.11, several messages at once (RFC 3502), APPENDUID (RFC 4315), binary messages (RFC 3516
// section 4.4), CATENATE (RFC 4469), UTF-8 (RFC 9755 section 4), REPLACE (RFC 8508).
#include <fmt/format.h>

#include <algorithm>

#include "common/mime/header.h"
#include "common/mime/lines.h"
#include "common/mime/seven_bit.h"
#include "common/mime/structure.h"
#include "imapd/access.h"
#include "imapd/catenate.h"
#include "imapd/commands.h"
#include "imapd/flags.h"
#include "imapd/list_line.h"
#include "imapd/numbers.h"
#include "imapd/proto/sequence_set.h"

namespace quartet::imapd {
namespace {

bool has_lone_lf(std::string_view message) {
  for (auto at = message.find('\n'); at != std::string_view::npos; at = message.find('\n', at + 1))
    if (at == 0 || message[at - 1] != '\r') return true;
  return false;
}

bool has_binary_part(const mime::Part& part) {
  return part.encoding == mime::Encoding::kBinary || std::ranges::any_of(part.children, has_binary_part);
}

/// The lines of a message end in CRLF, which RFC822.SIZE counts (RFC 9051 section 2.3.4) and POP3 sends; some clients
/// append what they have in a file. In a binary part a lone LF is no line end.
void end_lines(AppendItem& item) {
  if (!has_lone_lf(item.message) || has_binary_part(mime::parse_structure(item.message))) return;
  std::string ended;
  ended.reserve(item.message.size() + item.message.size() / 16);
  mime::append_crlf(ended, item.message);
  item.message = std::move(ended);
}

/// BODY[] cannot carry NUL, so parts that hold it are encoded anew; BINARY gives them back as they were.
std::optional<Reply> encode_binary(AppendItem& item) {
  if (item.message.find('\0') == std::string::npos) return std::nullopt;
  auto encoded = mime::to_seven_bit(item.message);
  if (!encoded) return Reply::no(std::string(mime::to_string(encoded.error())), "UNKNOWN-CTE");
  item.message = *std::move(encoded);
  return std::nullopt;
}

bool has_eight_bit_header(const std::string& message) {
  const auto header = std::string_view(message).substr(0, mime::Header(message).size());
  return std::ranges::any_of(header, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

/// Of a client that has not said that it knows what to do with them, header fields are ASCII (RFC 9755 section 4).
std::optional<Reply> refuse_utf8(const Enabled& enabled, const AppendItem& item) {
  if (enabled.utf8) return std::nullopt;
  if (item.utf8) return Reply::bad("Enable UTF8=ACCEPT first");
  if (has_eight_bit_header(item.message)) return Reply::no("UTF-8 in the header: enable UTF8=ACCEPT first", "CANNOT");
  return std::nullopt;
}

async::Task<std::optional<Reply>> prepare(Context& context, Catenator& catenator, AppendItem& item) {
  auto refusal = co_await catenator.put_together(item);
  if (refusal) co_return refusal;
  // RFC 3502 section 6: an empty literal takes the APPEND back.
  if (item.message.empty()) co_return Reply::no("An empty message: nothing was appended");
  refusal = refuse_utf8(context.enabled, item);
  if (refusal) co_return refusal;
  end_lines(item);
  co_return encode_binary(item);
}

/// Flags that the client may not set there are left out (RFC 4314 section 4).
store::AppendMessage to_message(AppendItem& item, store::Rights rights) {
  auto names = sort_flags(item.flags);
  store::AppendMessage message;
  message.bytes = std::make_shared<const std::string>(std::move(item.message));
  message.flags = names.system & store::changeable_flags(rights);
  if (rights.has("w")) message.keywords = std::move(names.keywords);
  if (item.date) message.internaldate = item.date->time();
  return message;
}

/// A message in the place of that with this UID of the selected mailbox: in one step where both are in one account. The
/// other way the new one is there before the old one goes: what breaks off in between loses neither.
async::Task<store::Result<store::Appended>> put_in_place(Context& context, std::uint32_t old, store::MailboxRef target,
                                                         store::AppendMessage message) {
  const auto from = context.selected->ref();
  if (from.shard == target.shard && from.account == target.account)
    co_return co_await context.store().replace(from, old, target, std::move(message));
  std::vector<store::AppendMessage> messages;
  messages.push_back(std::move(message));
  auto appended = co_await context.store().append(target, std::move(messages));
  if (!appended) co_return appended;
  const auto gone = co_await context.store().remove_messages(from, {{old, old}});
  if (!gone) co_return std::unexpected(gone.error());
  co_return appended;
}

/// Who may put messages into a mailbox and not look into it learns nothing of it (RFC 9051 section 6.3.12).
std::string append_code(const store::Appended& appended, store::Rights rights) {
  if (!rights.has("r")) return {};
  return fmt::format("APPENDUID {} {}", appended.uidvalidity, to_sequence_text(appended.uids));
}

/// The messages of the command are in the mailbox that the client called `name`.
Reply appended_to(Context& context, const std::string& name, const store::Appended& appended, store::Rights rights) {
  context.changed = context.selected && context.selected->ref() == appended.mailbox;
  if (context.changed) {
    context.selected->add_recent(appended.recent);
    context.created = appended.uids;
    context.view = appended.view;
  }
  tell_true_name(context, name);
  return Reply::ok("Appended", append_code(appended, rights));
}

bool has_parts(const AppendItem& item) { return !item.parts.empty(); }

/// To a mailbox of the user's own, which nobody needs to look at first. nullopt: as to any other, to see what is wrong.
async::Task<std::optional<Reply>> append_to_own(Context& context, Append& command) {
  const auto place = store::resolve(context.namespaces().get(), context.account, command.mailbox);
  if (!place || place->kind != store::Place::Kind::kOwn || place->mailbox.empty() ||
      std::ranges::any_of(command.items, has_parts))
    co_return std::nullopt;
  for (auto& item : command.items) {
    // RFC 3502 section 6, see prepare(): after it is known that there is such a mailbox.
    if (item.message.empty() || refuse_utf8(context.enabled, item)) co_return std::nullopt;
  }
  std::vector<store::AppendMessage> messages;
  for (auto& item : command.items) {
    end_lines(item);
    if (auto refusal = encode_binary(item)) co_return refusal;
    messages.push_back(to_message(item, store::Rights::all()));
  }
  std::optional<store::MailboxRef> claims;
  if (context.selected && context.selected->claims_recent()) claims = context.selected->ref();
  const auto appended = co_await context.store().append(place->account, place->mailbox, messages, claims);
  if (appended) co_return appended_to(context, command.mailbox, *appended, store::Rights::all());
  if (appended.error().code != store::ErrorCode::kNoMailbox) co_return no_target(appended.error());
  const auto missing = co_await locate(context, command.mailbox, "i", Wanted::kAsTarget);
  co_return missing ? no_target(appended.error()) : missing.error();
}

}  // namespace

Answer append(Context& context, Append& command) {
  auto done = co_await append_to_own(context, command);
  if (done) co_return *std::move(done);
  const auto target = co_await locate(context, command.mailbox, "i", Wanted::kAsTarget);
  if (!target) co_return target.error();
  std::vector<store::AppendMessage> messages;
  Catenator catenator(context);
  for (auto& item : command.items) {
    auto refusal = co_await prepare(context, catenator, item);
    if (refusal) co_return *std::move(refusal);
    messages.push_back(to_message(item, target->rights));
  }
  const bool claims =
      context.selected && context.selected->ref() == target->info.ref && context.selected->claims_recent();
  const auto appended = co_await context.store().append(target->info.ref, std::move(messages), claims);
  if (!appended) co_return no_target(appended.error());
  co_return appended_to(context, command.mailbox, *appended, target->rights);
}

Answer replace(Context& context, Replace& command, bool uid) {
  auto& selected = *context.selected;
  if (selected.read_only()) co_return Reply::no("The mailbox is open for reading only", "CANNOT");
  if (!selected.rights().has("te")) co_return not_permitted();
  const auto positions = find_messages(selected, command.message, uid);
  if (!positions) co_return positions.error();
  if (positions->empty()) co_return Reply::no("No such message");
  const auto old = (*selected.view())[positions->front().first].uid;
  const auto target = co_await locate(context, command.mailbox, "i", Wanted::kAsTarget);
  if (!target) co_return target.error();
  Catenator catenator(context);
  auto refusal = co_await prepare(context, catenator, command.item);
  if (refusal) co_return *std::move(refusal);
  auto message = to_message(command.item, target->rights);
  const auto appended = co_await put_in_place(context, old, target->info.ref, std::move(message));
  context.changed = true;
  if (!appended) co_return no_target(appended.error());
  if (target->info.ref == selected.ref()) context.created = appended->uids;
  // RFC 8508 section 3.3: before the EXPUNGE, which the tagged response follows.
  if (const auto code = append_code(*appended, target->rights); !code.empty())
    context.output.line(fmt::format("* OK [{}] Appended", code));
  tell_true_name(context, command.mailbox);
  context.expunged = true;
  co_return Reply::ok("Replaced");
}

}  // namespace quartet::imapd
