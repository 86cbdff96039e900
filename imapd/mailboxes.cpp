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

/// What a mailbox can be made for (RFC 6154 section 2, RFC 8457): it is advice to clients. \All and \Flagged would have
/// to show messages of other mailboxes, and what no standard defines must not be told of: clients take \Noselect for
/// the truth.
constexpr std::string_view kUses[] = {"\\Archive", "\\Drafts", "\\Important", "\\Junk", "\\Sent", "\\Trash"};

/// As they are told; nullopt: one of them cannot be.
std::optional<std::string> to_uses(const std::vector<std::string>& words) {
  std::vector<std::string_view> uses;
  for (const auto& word : words) {
    const auto* const use = std::ranges::find_if(kUses, [&word](auto known) { return ascii::iequals(known, word); });
    if (use == std::end(kUses)) return std::nullopt;
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

/// Where a new mailbox goes. With others the client needs the right k on the nearest mailbox that is above it, whether
/// or not it may know of that (RFC 4314 section 4).
async::Task<std::expected<store::Place, Reply>> place_to_create(Context& context, const std::string& name) {
  auto place = store::resolve(context.namespaces().get(), context.account, name);
  if (!place) co_return std::unexpected(not_permitted());
  if (place->all_rights) co_return *std::move(place);
  const auto& mailbox = place->mailbox;
  for (auto slash = mailbox.rfind('/'); slash != std::string::npos && slash != 0;
       slash = mailbox.rfind('/', slash - 1)) {
    const auto above = mailbox.substr(0, slash);
    const auto there = co_await context.store().find(place->account, above);
    if (!there && !store::is_transient(there.error().code)) continue;
    const auto allowed = co_await locate(context, place->prefix + above, "k");
    if (allowed) co_return *std::move(place);
    break;
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
  const auto uses = to_uses(command.special_use);
  if (!uses) co_return Reply::no("No mailbox is made for such a use", "USEATTR");
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
  const auto place = store::resolve(context.namespaces().get(), context.account, command.mailbox);
  // How full the account of another is, is not the client's business.
  const bool own = place && place->kind == store::Place::Kind::kOwn;
  const auto found = co_await locate(context, command.mailbox, "r");
  // One's own need not exist: the client may ask before it makes one (RFC 9208 section 4.1.2).
  if (!found && !(own && found.error().code == "NONEXISTENT")) co_return found.error();
  auto& out = context.output.text();
  out += "* QUOTAROOT ";
  append_mailbox_name(out, command.mailbox, context.enabled.utf8);
  const auto info = found ? found->info : store::MailboxInfo();
  // A root has one name, which GETQUOTA takes, whatever name led to the mailbox.
  const auto root = found ? info.name.substr(found->place.prefix.size()) : std::string();
  if (own) out += " \"\"";
  if (own && info.limit.any()) {
    out += ' ';
    append_mailbox_name(out, root, context.enabled.utf8);
  }
  out += "\r\n";
  if (!own) co_return Reply::ok("Told");
  const auto quota = co_await context.store().quota(context.account);
  if (!quota) co_return failure(quota.error());
  append_quota(context, "", *quota);
  if (info.limit.any()) append_quota(context, root, {info.status.size, info.status.messages, info.limit});
  co_return Reply::ok("Told");
}

}  // namespace quartet::imapd
