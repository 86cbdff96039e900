#include "imapd/notifier.h"

#include <algorithm>
#include <functional>
#include <set>

#include "common/store/annotated.h"
#include "imapd/commands.h"
#include "imapd/list_line.h"
#include "imapd/proto/writer.h"
#include "imapd/status.h"

namespace quartet::imapd {
namespace {

constexpr std::chrono::seconds kLookEvery{10};
constexpr store::MailboxRef kServer{};

Notifier::Annotations digest(const std::vector<store::Annotation>& all) {
  Notifier::Annotations annotations;
  for (const auto& each : all)
    annotations[(each.user.empty() ? "/shared" : "/private") + each.entry] = std::hash<std::string>()(each.value);
  return annotations;
}

/// The names of those that are others, new or gone (RFC 5464 section 4.4.2).
void append_metadata_change(Context& context, std::string_view mailbox, const Notifier::Annotations& before,
                            const Notifier::Annotations& now) {
  std::string entries;
  const auto add = [&entries](const std::string& entry) {
    entries += ' ';
    append_astring(entries, entry);
  };
  for (const auto& [entry, value] : now) {
    const auto known = before.find(entry);
    if (known == before.end() || known->second != value) add(entry);
  }
  for (const auto& [entry, value] : before)
    if (!now.contains(entry)) add(entry);
  if (entries.empty()) return;
  auto& out = context.output.text();
  out += "* METADATA ";
  append_mailbox_name(out, mailbox, context.enabled.utf8);
  out.append(entries).append("\r\n");
}

Reply too_much() { return Reply::no("Too many mailboxes to tell of", "NOTIFICATIONOVERFLOW"); }

/// Whether a mailbox is the same as before, and in another store.
bool has_moved(const Mailboxes& before, const Mailboxes& now) {
  return std::ranges::any_of(now, [&before](const auto& each) {
    const auto& info = each.second.info;
    const auto known = before.find(each.first);
    return known != before.end() && info.exists && known->second.info.id == info.id &&
           known->second.info.ref != info.ref;
  });
}

}  // namespace

Notifier::Notifier(const Notify& command) {
  for (const auto& group : command.groups) {
    FilterMatcher matcher(group.filter);
    if (matcher.matches_selected()) {
      const bool at_once = group.filter.kind == MailboxFilter::Kind::kSelected;
      of_selected_ = {group.messages, group.flags, at_once, group.items};
      continue;
    }
    server_metadata_ = server_metadata_ || group.server_metadata;
    groups_.push_back(
        {std::move(matcher), {group.messages, group.flags, group.names, group.subscriptions, group.metadata}});
  }
}

MailboxEvents Notifier::events_of(const Known& mailbox) const {
  MailboxEvents all;
  for (const auto& [matcher, events] : groups_) {
    if (!matcher.matches(mailbox)) continue;
    all.messages = all.messages || events.messages;
    all.flags = all.flags || events.flags;
    all.names = all.names || events.names;
    all.subscriptions = all.subscriptions || events.subscriptions;
    all.metadata = all.metadata || events.metadata;
  }
  return all;
}

async::Task<std::optional<Reply>> Notifier::begin(Context& context, bool status) {
  if (groups_.empty()) co_return std::nullopt;
  store_ = &context.store();
  others_ = context.namespaces() != nullptr;
  const auto accounts = co_await store::annotated_accounts(context.store(), context.namespaces(), context.account);
  if (!accounts) co_return failure(accounts.error());
  // First the watchers: what changes while the rest is read is looked at again.
  watch(accounts->own, false);
  if (server_metadata_ && accounts->of_all) watch(*accounts->of_all, false);
  auto known = co_await known_mailboxes(context);
  if (!known) co_return failure(known.error());
  if (known->size() > context.options.most_notified) co_return too_much();
  known_ = by_name(*std::move(known));
  watch_known();
  if (auto failed = co_await note_annotations(context)) co_return failed;
  for (const auto& [name, mailbox] : known_)
    if (mailbox.info.exists && !is_readable(mailbox) && events_of(mailbox).any())
      append_list_line(context, mailbox.info, {.extended = true, .no_access = true});
  if (status) co_return co_await append_first_status(context);
  co_return std::nullopt;
}

async::Task<std::optional<Reply>> Notifier::append_first_status(Context& context) const {
  for (const auto& [name, mailbox] : known_) {
    const auto events = events_of(mailbox);
    const bool selected = context.selected && context.selected->ref() == mailbox.info.ref;
    if (!events.messages || !is_readable(mailbox) || selected) continue;
    std::vector<StatusItem> items{StatusItem::kMessages, StatusItem::kUidNext, StatusItem::kUidValidity};
    if (events.flags) items.push_back(StatusItem::kHighestModSeq);
    auto failed = co_await append_status(context, mailbox.info, items);
    if (failed) co_return failed;
    co_await context.output.drain();
  }
  co_return std::nullopt;
}

async::Task<std::optional<Reply>> Notifier::note_annotations(Context& context) {
  if (server_metadata_) {
    const auto all = co_await store::server_annotations(context.store(), context.namespaces(), context.account);
    if (!all) co_return failure(all.error());
    annotations_[kServer] = digest(*all);
  }
  for (const auto& [name, mailbox] : known_) {
    if (!is_readable(mailbox) || !events_of(mailbox).metadata) continue;
    const auto all = co_await context.store().annotations(mailbox.info.ref, context.account);
    if (!all) co_return failure(all.error());
    annotations_[mailbox.info.ref] = digest(*all);
  }
  co_return std::nullopt;
}

void Notifier::watch(store::MailboxRef account, bool look) {
  auto& watcher = watchers_[{account.shard, account.account}];
  if (watcher != nullptr) return;
  watcher = store_->watch({account.shard, account.account, 0});
  if (look) watcher->event().set();
}

/// The accounts of others that are asked about. Of one that was not watched, something may have been missed.
void Notifier::watch_known() {
  for (const auto& [name, mailbox] : known_)
    if (mailbox.info.exists && events_of(mailbox).any()) watch(mailbox.info.ref, true);
}

std::vector<async::Event*> Notifier::events() {
  std::vector<async::Event*> events;
  for (auto& [account, watcher] : watchers_) events.push_back(&watcher->event());
  return events;
}

std::optional<std::chrono::seconds> Notifier::look_every() const {
  return others_ && !groups_.empty() ? std::optional(kLookEvery) : std::nullopt;
}

void Notifier::forgive(const std::string& mailbox) {
  look_again_ = true;
  const auto name = mailbox.ends_with('/') ? mailbox.substr(0, mailbox.size() - 1) : mailbox;
  forgiven_.push_back(store::canonical_name(name).value_or(name));
}

bool Notifier::is_forgiven(std::string_view mailbox) const {
  return std::ranges::any_of(forgiven_, [mailbox](std::string_view name) {
    return mailbox == name || (!name.empty() && mailbox.starts_with(name) && mailbox[name.size()] == '/') ||
           (!mailbox.empty() && name.starts_with(mailbox) && name[mailbox.size()] == '/');
  });
}

bool Notifier::reset_hints() {
  bool any = std::exchange(look_again_, false);
  for (auto& [account, watcher] : watchers_) {
    any = any || watcher->event().is_set();
    watcher->reset();
  }
  return any;
}

void Notifier::forget_gone() {
  if (annotations_.size() <= known_.size() + 1) return;
  std::set<store::MailboxRef> there{kServer};
  for (const auto& [name, mailbox] : known_) there.insert(mailbox.info.ref);
  std::erase_if(annotations_, [&there](const auto& each) { return !there.contains(each.first); });
}

void Notifier::end() {
  groups_.clear();
  of_selected_ = {};
  server_metadata_ = false;
  watchers_.clear();
  known_.clear();
  annotations_.clear();
}

async::Task<void> Notifier::tell(Context& context) {
  if (!reset_hints() || groups_.empty()) co_return;
  auto known = co_await known_mailboxes(context);
  if (!known) {
    (void)failure(known.error());  // logged; the next hint tries again
    co_return;
  }
  if (known->size() > context.options.most_notified) {
    context.output.line("* OK [NOTIFICATIONOVERFLOW] Too many mailboxes to tell of");
    co_return end();
  }
  const auto before = std::exchange(known_, by_name(*std::move(known)));
  if (has_moved(before, known_)) {
    context.farewell = kMovedAway;
    co_return end();
  }
  const Compared compared{before, known_, [this](const Known& mailbox) { return events_of(mailbox); },
                          [this](std::string_view name) { return is_forgiven(name); }};
  append_name_changes(context, compared);
  co_await append_status_changes(context, compared);
  co_await tell_metadata(context, touched(compared));
  if (server_metadata_) co_await tell_server_metadata(context);
  forgiven_.clear();
  forget_gone();
  watch_known();
  co_await context.output.drain();
}

async::Task<void> Notifier::tell_metadata(Context& context, std::vector<const Known*> mailboxes) {
  for (const auto* const mailbox : mailboxes) {
    if (!events_of(*mailbox).metadata) continue;
    const auto all = co_await context.store().annotations(mailbox->info.ref, context.account);
    if (!all) continue;  // it is gone by now
    auto now = digest(*all);
    auto& before = annotations_[mailbox->info.ref];
    if (!is_forgiven(mailbox->info.name)) append_metadata_change(context, mailbox->info.name, before, now);
    before = std::move(now);
  }
}

async::Task<void> Notifier::tell_server_metadata(Context& context) {
  const auto all = co_await store::server_annotations(context.store(), context.namespaces(), context.account);
  if (!all) {
    (void)failure(all.error());
    co_return;
  }
  auto now = digest(*all);
  auto& before = annotations_[kServer];
  if (!is_forgiven("")) append_metadata_change(context, "", before, now);
  before = std::move(now);
}

}  // namespace quartet::imapd
