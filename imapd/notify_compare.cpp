#include "imapd/notify_compare.h"

#include <algorithm>
#include <utility>

#include "imapd/list_line.h"
#include "imapd/status.h"

namespace quartet::imapd {
namespace {

using ByRef = std::map<store::MailboxRef, const Known*>;

ByRef by_ref(const Mailboxes& mailboxes) {
  ByRef found;
  for (const auto& [name, mailbox] : mailboxes)
    if (mailbox.info.exists) found.emplace(mailbox.info.ref, &mailbox);
  return found;
}

const Known* find(const Mailboxes& mailboxes, std::string_view name) {
  const auto found = mailboxes.find(name);
  return found == mailboxes.end() ? nullptr : &found->second;
}

bool exists(const Known* mailbox) { return mailbox != nullptr && mailbox->info.exists; }

Known missing(std::string_view name) {
  Known mailbox;
  mailbox.info.name = name;
  mailbox.info.exists = false;
  mailbox.info.noselect = true;
  return mailbox;
}

/// "a/b" and "c" of "a/b/c"; "" and the name for one at the root.
std::pair<std::string_view, std::string_view> split(std::string_view name) {
  const auto slash = name.rfind('/');
  if (slash == std::string_view::npos) return {{}, name};
  return {name.substr(0, slash), name.substr(slash + 1)};
}

/// Finds the names a client must be told of, and tells of each once.
class NameChanges {
 public:
  NameChanges(Context& context, const Compared& compared) : context_(context), compared_(compared) {
    for (const auto& [name, mailbox] : compared.now)
      if (mailbox.info.exists) add_parents(with_children_, name);
    const auto before = by_ref(compared.before);
    for (const auto& [name, mailbox] : compared.now) {
      const auto known = mailbox.info.exists ? before.find(mailbox.info.ref) : before.end();
      if (known == before.end() || known->second->info.name == name) continue;
      old_names_.emplace(name, known->second->info.name);
      gone_by_rename_.insert(known->second->info.name);
    }
  }

  void find_all() {
    for (const auto& [name, mailbox] : compared_.now) look_at(name, mailbox, find(compared_.before, name));
    for (const auto& [name, mailbox] : compared_.before)
      if (find(compared_.now, name) == nullptr) look_at_gone(name, mailbox);
  }

  void append() const {
    for (const auto& name : told_) {
      const auto* const mailbox = find(compared_.now, name);
      ListLine line{.extended = true, .has_children = with_children_.contains(name), .subscriptions = true};
      line.no_access = exists(mailbox) && !is_readable(*mailbox);
      if (const auto old = old_names_.find(name); old != old_names_.end() && !follows_parent(name))
        line.item = old_name_item(old->second, context_.enabled.utf8);
      append_list_line(context_, mailbox == nullptr ? missing(name).info : mailbox->info, line);
    }
  }

 private:
  MailboxEvents events_of(const Known& mailbox, const Known* other) const {
    auto events = compared_.events_of(mailbox);
    if (other == nullptr) return events;
    const auto more = compared_.events_of(*other);
    events.names = events.names || more.names;
    events.subscriptions = events.subscriptions || more.subscriptions;
    return events;
  }

  /// A mailbox that is renamed takes along what is below it, of which nothing is said.
  bool follows_parent(std::string_view name) const {
    const auto old = old_names_.find(name);
    if (old == old_names_.end()) return false;
    const auto [parent, last] = split(name);
    const auto [old_parent, old_last] = split(old->second);
    const auto moved = old_names_.find(parent);
    return moved != old_names_.end() && moved->second == old_parent && last == old_last;
  }

  void tell(std::string_view name) { told_.emplace(name); }

  /// Of a mailbox that came or went, and of the name above it, whether or not there is a mailbox.
  void tell_with_parent(const Known& mailbox) {
    const std::string_view name = mailbox.info.name;
    tell(name);
    const auto parent = split(name).first;
    if (parent.empty()) return;
    const auto* const known = find(compared_.now, parent);
    auto above = known == nullptr ? missing(parent) : *known;
    above.own = mailbox.own;
    if (compared_.events_of(above).names) tell(parent);
  }

  void look_at(const std::string& name, const Known& mailbox, const Known* before) {
    if (compared_.forgiven(name)) return;
    const auto events = events_of(mailbox, before);
    if (const auto old = old_names_.find(name); old != old_names_.end()) {
      const auto* const source = find(compared_.before, old->second);
      if (!follows_parent(name) && events_of(mailbox, source).names) tell(name);
    } else if (events.names && mailbox.info.exists && !(exists(before) && before->info.ref == mailbox.info.ref)) {
      tell_with_parent(mailbox);
    } else if (events.names && !mailbox.info.exists && exists(before) && !gone_by_rename_.contains(name)) {
      tell_with_parent(mailbox);
    } else if (events.any() && mailbox.info.exists && exists(before) && is_readable(mailbox) != is_readable(*before)) {
      tell(name);
    }
    if (events.subscriptions && mailbox.info.subscribed != (before != nullptr && before->info.subscribed)) tell(name);
  }

  void look_at_gone(const std::string& name, const Known& before) {
    if (compared_.forgiven(name)) return;
    const auto events = compared_.events_of(before);
    if (events.names && before.info.exists && !gone_by_rename_.contains(name)) tell_with_parent(before);
    if (events.subscriptions && before.info.subscribed) tell(name);
  }

  Context& context_;
  const Compared& compared_;
  Names with_children_;
  std::map<std::string, std::string, std::less<>> old_names_;  // by the new ones
  Names gone_by_rename_;
  Names told_;
};

/// What of the status is to be told; empty for nothing.
std::vector<StatusItem> status_items(const store::Status& before, const store::Status& now, const MailboxEvents& events,
                                     bool condstore) {
  std::vector<StatusItem> items;
  const bool revalidated = before.uidvalidity != now.uidvalidity;
  if (before.messages != now.messages || before.uidnext != now.uidnext) {
    items = {StatusItem::kUidNext, StatusItem::kMessages};
    if (condstore) items.push_back(StatusItem::kHighestModSeq);
    if (revalidated) items.push_back(StatusItem::kUidValidity);
    return items;
  }
  if (!events.flags) return items;
  if (condstore && before.highest_modseq != now.highest_modseq) items.push_back(StatusItem::kHighestModSeq);
  if (before.unseen != now.unseen) items.push_back(StatusItem::kUnseen);
  if (revalidated || !items.empty()) items.push_back(StatusItem::kUidValidity);
  return items;
}

}  // namespace

Mailboxes by_name(std::vector<Known> known) {
  Mailboxes mailboxes;
  for (auto& mailbox : known) {
    auto name = mailbox.info.name;
    mailboxes.emplace(std::move(name), std::move(mailbox));
  }
  return mailboxes;
}

bool is_readable(const Known& mailbox) {
  return mailbox.info.exists && !mailbox.info.noselect && mailbox.rights.has("r");
}

void append_name_changes(Context& context, const Compared& compared) {
  NameChanges changes(context, compared);
  changes.find_all();
  changes.append();
}

async::Task<void> append_status_changes(Context& context, const Compared& compared) {
  const auto before = by_ref(compared.before);
  for (const auto* const mailbox : touched(compared)) {
    const auto events = compared.events_of(*mailbox);
    if (!events.messages || (context.selected && context.selected->ref() == mailbox->info.ref)) continue;
    const auto known = before.find(mailbox->info.ref);
    const bool is_new = known == before.end() || !is_readable(*known->second);
    const auto status = is_new ? store::Status() : known->second->info.status;
    const auto items = status_items(status, mailbox->info.status, events, context.enabled.condstore);
    if (items.empty() || (is_new && mailbox->info.status.uidnext == 1)) continue;
    (void)co_await append_status(context, mailbox->info, items);
  }
}

std::vector<const Known*> touched(const Compared& compared) {
  const auto before = by_ref(compared.before);
  std::vector<const Known*> mailboxes;
  for (const auto& [name, mailbox] : compared.now) {
    if (!is_readable(mailbox)) continue;
    const auto known = before.find(mailbox.info.ref);
    const bool same = known != before.end() && is_readable(*known->second) &&
                      known->second->info.status.highest_modseq == mailbox.info.status.highest_modseq;
    if (!same) mailboxes.push_back(&mailbox);
  }
  return mailboxes;
}

}  // namespace quartet::imapd
