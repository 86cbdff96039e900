// Commands about mailboxes as a whole: making and removing them, STATUS, SELECT, quota.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "imapd/commands.h"
#include "imapd/proto/writer.h"
#include "imapd/resync.h"
#include "imapd/status.h"

namespace quartet::imapd {
namespace {

Reply outcome(const std::expected<void, store::StoreError>& result, const char* text) {
  return result ? Reply::ok(text) : failure(result.error());
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

/// RFC 3501 section 6.3.3: a separator at the end says that mailboxes will be made below.
std::string without_separator(std::string name) {
  if (name.ends_with('/')) name.pop_back();
  return name;
}

void append_quota(Context& context, const store::QuotaUsage& quota) {
  constexpr std::uint64_t kUnit = 1024;  // RFC 9208 section 5.1: STORAGE counts 1024 octets
  std::string resources;
  const auto into = std::back_inserter(resources);
  if (quota.limit.bytes != 0)
    fmt::format_to(into, "STORAGE {} {}", (quota.bytes + kUnit - 1) / kUnit, quota.limit.bytes / kUnit);
  if (quota.limit.messages != 0)
    fmt::format_to(into, "{}MESSAGE {} {}", resources.empty() ? "" : " ", quota.messages, quota.limit.messages);
  context.output.line(fmt::format("* QUOTA \"\" ({})", resources));
}

}  // namespace

Answer create(Context& context, const Create& command) {
  const auto made =
      co_await context.store().create(context.account, without_separator(command.mailbox), joined(command.special_use));
  co_return made ? Reply::ok("Made", "MAILBOXID (" + made->id + ")") : failure(made.error());
}

Answer remove(Context& context, const Delete& command) {
  const auto before = co_await context.store().find(context.account, command.mailbox);
  const auto removed = co_await context.store().remove(context.account, command.mailbox);
  // Nobody needs to be told that what it just deleted is gone.
  if (removed && before && context.selected && context.selected->ref() == before->ref) context.selected.reset();
  co_return outcome(removed, "Deleted");
}

Answer rename(Context& context, const Rename& command) {
  const auto renamed = co_await context.store().rename(context.account, command.from, without_separator(command.to));
  context.changed = true;  // INBOX loses its messages
  co_return outcome(renamed, "Renamed");
}

Answer subscribe(Context& context, const std::string& mailbox, bool subscribed) {
  const auto done = co_await context.store().subscribe(context.account, mailbox, subscribed);
  co_return outcome(done, subscribed ? "Subscribed" : "Unsubscribed");
}

Answer status(Context& context, const Status& command) {
  const auto found = co_await context.store().find(context.account, command.mailbox);
  if (!found) co_return failure(found.error());
  if (std::ranges::find(command.items, StatusItem::kHighestModSeq) != command.items.end()) enable_condstore(context);
  append_status(context, *found, command.items);
  co_return Reply::ok("Told");
}

Answer select(Context& context, const Select& command) {
  if (command.qresync && !context.enabled.qresync) co_return Reply::bad("Enable QRESYNC first");
  if (context.selected) {
    context.selected.reset();
    context.output.line("* OK [CLOSED] The mailbox before is closed");
  }
  if (command.condstore) enable_condstore(context);
  auto found = co_await context.store().find(context.account, command.mailbox);
  if (!found) co_return failure(found.error());
  auto selected = std::make_unique<Selected>(context.store(), context.enabled, *std::move(found), command.examine);
  const auto opened = co_await selected->open();
  if (!opened) co_return failure(opened.error());
  selected->append_opening(context.output.text());
  context.selected = std::move(selected);
  if (command.qresync) {
    const auto told = co_await append_resync(context, *command.qresync);
    if (!told) {
      context.selected.reset();
      co_return failure(told.error());
    }
  }
  co_return Reply::ok("Selected", command.examine ? "READ-ONLY" : "READ-WRITE");
}

Answer get_quota(Context& context, const GetQuota& command) {
  if (!command.root.empty()) co_return Reply::no("No such quota root", "NONEXISTENT");
  const auto quota = co_await context.store().quota(context.account);
  if (!quota) co_return failure(quota.error());
  append_quota(context, *quota);
  co_return Reply::ok("Told");
}

Answer get_quota_root(Context& context, const GetQuotaRoot& command) {
  const auto found = co_await context.store().find(context.account, command.mailbox);
  if (!found) co_return failure(found.error());
  const auto quota = co_await context.store().quota(context.account);
  if (!quota) co_return failure(quota.error());
  auto& out = context.output.text();
  out += "* QUOTAROOT ";
  append_mailbox_name(out, command.mailbox, context.enabled.utf8);
  out += " \"\"\r\n";
  append_quota(context, *quota);
  co_return Reply::ok("Told");
}

}  // namespace quartet::imapd
