// Commands about mailboxes as a whole: making and removing them, STATUS, SELECT, quota.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "common/base/ascii.h"
#include "imapd/access.h"
#include "imapd/commands.h"
#include "imapd/list_line.h"
#include "imapd/proto/writer.h"
#include "imapd/resync.h"
#include "imapd/status.h"

namespace quartet::imapd {
namespace {

Reply outcome(const std::expected<void, store::StoreError>& result, const char* text) {
  return result ? Reply::ok(text) : failure(result.error());
}

/// What CREATE may say a mailbox is for: RFC 6154 section 2, RFC 8457 section 4. LIST would tell any other word as
/// an attribute, and there are some that clients take for the truth, such as \Noselect.
std::expected<std::string, Reply> uses_of(const Create& command) {
  static constexpr std::string_view kUses[] = {"\\All",  "\\Archive", "\\Drafts", "\\Flagged",
                                               "\\Junk", "\\Sent",    "\\Trash",  "\\Important"};
  std::vector<std::string_view> uses;
  for (const auto& word : command.special_use) {
    const auto* const use = std::ranges::find_if(kUses, [&word](auto known) { return ascii::iequals(known, word); });
    if (use == std::end(kUses)) return std::unexpected(Reply::no("No such use of a mailbox", "USEATTR"));
    if (std::ranges::find(uses, *use) == uses.end()) uses.push_back(*use);
  }
  return fmt::format("{}", fmt::join(uses, " "));
}

/// RFC 3501 section 6.3.3: a separator at the end says that mailboxes will be made below.
std::string without_separator(std::string name) {
  if (name.ends_with('/')) name.pop_back();
  return name;
}

/// The root is "" for that of the account, else the name of the mailbox that has a quota of its own.
void append_quota(Context& context, std::string_view root, const store::QuotaUsage& quota) {
  constexpr std::uint64_t kUnit = 1024;  // RFC 9208 section 5.1: STORAGE counts 1024 octets
  std::string resources;
  const auto into = std::back_inserter(resources);
  if (quota.limit.bytes != 0)
    fmt::format_to(into, "STORAGE {} {}", (quota.bytes + kUnit - 1) / kUnit, quota.limit.bytes / kUnit);
  if (quota.limit.messages != 0)
    fmt::format_to(into, "{}MESSAGE {} {}", resources.empty() ? "" : " ", quota.messages, quota.limit.messages);
  auto& out = context.output.text();
  out += "* QUOTA ";
  append_mailbox_name(out, root, context.enabled.utf8);
  fmt::format_to(std::back_inserter(out), " ({})\r\n", resources);
}

/// Where a new mailbox goes. With others the client needs the right k on what will be above it.
async::Task<std::expected<store::Place, Reply>> place_to_create(Context& context, const std::string& name) {
  auto place = store::resolve(context.namespaces().get(), context.account, name);
  if (!place) co_return std::unexpected(not_permitted());
  if (place->all_rights) co_return *std::move(place);
  for (auto parent = name.rfind('/'); parent != std::string::npos && parent > place->prefix.size();
       parent = name.rfind('/', parent - 1)) {
    const auto above = co_await locate(context, name.substr(0, parent), "k");
    if (above) co_return *std::move(place);
    if (above.error().code == "NOPERM") break;
  }
  co_return std::unexpected(not_permitted());
}

}  // namespace

Answer create(Context& context, const Create& command) {
  const auto name = without_separator(command.mailbox);
  const auto place = co_await place_to_create(context, name);
  if (!place) co_return place.error();
  const bool own = place->kind == store::Place::Kind::kOwn;
  if (!own && !command.special_use.empty()) co_return Reply::no("Only mailboxes of your own have a use", "USEATTR");
  const auto uses = uses_of(command);
  if (!uses) co_return uses.error();
  const auto made = co_await context.store().create(place->account, place->mailbox, *uses);
  if (!made) co_return failure(made.error());
  tell_true_name(context, name, *uses);
  co_return Reply::ok("Made", "MAILBOXID (" + made->id + ")");
}

Answer remove(Context& context, const Delete& command) {
  const auto place = store::resolve(context.namespaces().get(), context.account, command.mailbox);
  const auto before = co_await locate(context, command.mailbox, "x");
  // Of one's own the store knows better why not: the name may be that of a parent only.
  if (!before && (!place || !place->all_rights)) co_return before.error();
  const auto removed = co_await context.store().remove(place->account, place->mailbox);
  // Nobody needs to be told that what it just deleted is gone.
  if (removed && before && context.selected && context.selected->ref() == before->info.ref) context.selected.reset();
  if (removed) tell_true_name(context, command.mailbox, "\\NonExistent");
  co_return outcome(removed, "Deleted");
}

Answer rename(Context& context, const Rename& command) {
  const auto from = store::resolve(context.namespaces().get(), context.account, command.from);
  if (!from || !from->all_rights) {
    const auto source = co_await locate(context, command.from, "x");
    if (!source) co_return source.error();
  }
  const auto name = without_separator(command.to);
  const auto to = co_await place_to_create(context, name);
  if (!to) co_return to.error();
  if (from->account != to->account) co_return Reply::no("A mailbox stays with its owner", "CANNOT");
  const auto renamed = co_await context.store().rename(from->account, from->mailbox, to->mailbox);
  context.changed = true;  // INBOX loses its messages
  const auto canonical = true_name(context, name);
  if (renamed && (canonical || true_name(context, command.from)))
    append_true_name(context, "", canonical.value_or(name), command.from);
  co_return outcome(renamed, "Renamed");
}

Answer subscribe(Context& context, const std::string& mailbox, bool subscribed) {
  const auto done = co_await context.store().subscribe(context.account, mailbox, subscribed);
  co_return outcome(done, subscribed ? "Subscribed" : "Unsubscribed");
}

Answer status(Context& context, const Status& command) {
  const auto found = co_await locate(context, command.mailbox, "r");
  if (!found) co_return found.error();
  if (std::ranges::find(command.items, StatusItem::kHighestModSeq) != command.items.end()) enable_condstore(context);
  const auto failed = co_await append_status(context, found->info, command.items);
  if (failed) co_return *failed;
  co_return Reply::ok("Told");
}

Answer select(Context& context, const Select& command) {
  if (command.qresync && !context.enabled.qresync) co_return Reply::bad("Enable QRESYNC first");
  if (context.selected) {
    context.selected.reset();
    context.output.line("* OK [CLOSED] The mailbox before is closed");
  }
  if (command.condstore) enable_condstore(context);
  auto found = co_await locate(context, command.mailbox, "r");
  if (!found) co_return found.error();
  auto selected = std::make_unique<Selected>(context.store(), context.enabled, *std::move(found), command.examine);
  const auto opened = co_await selected->open();
  if (!opened) co_return failure(opened.error());
  selected->append_opening(command.mailbox, context.output.text());
  context.selected = std::move(selected);
  if (command.qresync) {
    const auto told = co_await append_resync(context, *command.qresync);
    if (!told) {
      context.selected.reset();
      co_return failure(told.error());
    }
  }
  co_return Reply::ok("Selected", context.selected->read_only() ? "READ-ONLY" : "READ-WRITE");
}

Answer get_quota(Context& context, const GetQuota& command) {
  if (!command.root.empty()) {
    const auto found = co_await context.store().find(context.account, command.root);
    if (!found || !found->limit.any()) co_return Reply::no("No such quota root", "NONEXISTENT");
    append_quota(context, found->name, {found->status.size, found->status.messages, found->limit});
    co_return Reply::ok("Told");
  }
  const auto quota = co_await context.store().quota(context.account);
  if (!quota) co_return failure(quota.error());
  append_quota(context, "", *quota);
  co_return Reply::ok("Told");
}

Answer get_quota_root(Context& context, const GetQuotaRoot& command) {
  const auto found = co_await locate(context, command.mailbox, "r");
  if (!found) co_return found.error();
  // How full the account of another is, is not the client's business.
  const bool own = found->place.kind == store::Place::Kind::kOwn;
  auto& out = context.output.text();
  out += "* QUOTAROOT ";
  append_mailbox_name(out, command.mailbox, context.enabled.utf8);
  const auto& info = found->info;
  if (own) out += " \"\"";
  if (own && info.limit.any()) {
    out += ' ';
    append_mailbox_name(out, info.name, context.enabled.utf8);
  }
  out += "\r\n";
  if (!own) co_return Reply::ok("Told");
  const auto quota = co_await context.store().quota(context.account);
  if (!quota) co_return failure(quota.error());
  append_quota(context, "", *quota);
  if (info.limit.any()) append_quota(context, info.name, {info.status.size, info.status.messages, info.limit});
  co_return Reply::ok("Told");
}

}  // namespace quartet::imapd
