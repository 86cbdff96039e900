#include "ctl/transfer/importer.h"

#include <algorithm>
#include <utility>

#include "common/async/task_group.h"
#include "common/base/ascii.h"
#include "ctl/transfer/mailbox_name.h"

namespace quartet::transfer {
namespace {

// So much goes into one transaction and is read ahead of it.
constexpr std::size_t kBatchMessages = 1000;
constexpr std::uint64_t kBatchBytes = 16 << 20;
constexpr std::size_t kFlagChanges = 500;

std::unexpected<std::string> trouble(const std::string& mailbox, const store::StoreError& error) {
  std::string text = mailbox + ": " + std::string(store::to_string(error.code));
  if (!error.detail.empty() && error.detail != mailbox) text += ": " + error.detail;
  return std::unexpected(std::move(text));
}

bool is_same(const store::Entry& entry, const BatchItem& item) {
  return entry.size == item.size && entry.internaldate == item.internaldate;
}

bool has_use(const store::MailboxInfo& mailbox, std::string_view use) {
  const auto uses = ascii::split(mailbox.special_use, ' ');
  return std::ranges::any_of(uses, [use](std::string_view one) { return ascii::iequals(one, use); });
}

/// Keywords of `one` that `other` has not.
std::vector<std::string> without(const Flags& one, const Flags& other) {
  std::vector<std::string> out;
  std::ranges::set_difference(one.keywords, other.keywords, std::back_inserter(out));
  return out;
}

}  // namespace

std::optional<std::uint32_t> find_batch(const store::Snapshot& mailbox, const Batch& batch) {
  const auto count = batch.items.size();
  const auto begins_at = [&](std::uint32_t first) {
    for (auto at = mailbox.lower_bound(first); at < mailbox.size() && mailbox[at].uid - first < count; ++at)
      if (!is_same(mailbox[at], batch.items[mailbox[at].uid - first])) return false;
    return true;
  };
  // Some may have been expunged since; one that is left is enough, for all came together.
  for (auto at = mailbox.lower_bound(batch.uidnext); at < mailbox.size(); ++at)
    for (std::uint32_t n = 0; n < count && mailbox[at].uid >= batch.uidnext + n; ++n)
      if (is_same(mailbox[at], batch.items[n]) && begins_at(mailbox[at].uid - n)) return mailbox[at].uid - n;
  return std::nullopt;
}

/// Messages that are read while those before them are given to the store.
struct Importer::Reading {
  explicit Reading(std::vector<const Item*> wanted) : items(std::move(wanted)) {}
  std::vector<const Item*> items;
  Outcome<std::vector<std::optional<Message>>> result;
  async::Event ready;

  async::Task<void> run(Source& source, const Folder& folder) {
    result = co_await source.read(folder, items);
    ready.set();
  }
};

async::Task<Outcome<ImportReport>> Importer::run() {
  const auto settled = co_await settle_pending();
  if (!settled) co_return std::unexpected(settled.error());
  auto works = co_await look();
  if (!works) co_return std::unexpected(works.error());
  for (const auto& work : *works) {
    const auto done = co_await import_one(work);
    if (!done) report_.troubles.push_back(done.error());
    // The state says that a batch may be in the store; whether it is, only the next run can tell.
    if (state_.pending()) break;
  }
  const auto& remarks = source_.remarks();
  report_.troubles.insert(report_.troubles.end(), remarks.begin(), remarks.end());
  co_return report_;
}

async::Task<Outcome<void>> Importer::settle_pending() {
  if (!state_.pending()) co_return Outcome<void>();
  const auto& batch = *state_.pending();
  const auto& folder = state_.folder_at(batch.folder);
  std::optional<std::uint32_t> first;
  const auto mailbox = co_await store_.find(options_.account, folder.mailbox);
  if (mailbox && mailbox->status.uidvalidity == folder.uidvalidity) {
    const auto snapshot = co_await store_.snapshot(mailbox->ref);
    if (!snapshot) co_return trouble(folder.mailbox, snapshot.error());
    first = find_batch(**snapshot, batch);
  } else if (!mailbox && store::is_transient(mailbox.error().code)) {
    co_return trouble(folder.mailbox, mailbox.error());
  }
  co_return state_.settle(first);
}

bool Importer::wanted(const Folder& folder) const {
  const auto among = [&folder](const std::vector<std::string>& names) {
    return std::ranges::any_of(names, [&](const std::string& name) { return is_called(folder.name, name); });
  };
  return (options_.mailboxes.empty() || among(options_.mailboxes)) && !among(options_.excluded);
}

async::Task<Outcome<std::vector<Importer::Work>>> Importer::look() {
  auto folders = co_await source_.folders();
  if (!folders) co_return std::unexpected(folders.error());
  // Before anything is imported: who corrects the name and runs it again shall have nothing twice.
  for (const auto& name : options_.mailboxes)
    if (std::ranges::none_of(*folders, [&name](const Folder& folder) { return is_called(folder.name, name); }))
      co_return std::unexpected(name + ": no such mailbox in the source");
  std::vector<Work> works;
  for (auto& folder : *folders) {
    if (!wanted(folder)) continue;
    auto items = co_await source_.items(folder);
    if (!items) {
      report_.troubles.push_back(items.error());
      continue;
    }
    total_ += items->size();
    works.push_back({std::move(folder), *std::move(items)});
  }
  if (works.empty() && report_.troubles.empty()) co_return std::unexpected("no such mailbox in the source");
  co_return works;
}

async::Task<Outcome<store::MailboxInfo>> Importer::mailbox_for(const Folder& folder) {
  auto name = folder.name;
  if (!options_.into.empty()) name = name == "INBOX" ? options_.into : options_.into + "/" + name;
  // What a client elsewhere calls "Sent Items" is our "Sent": there are no two of a kind.
  if (!folder.special_use.empty() && options_.into.empty()) {
    const auto all = co_await store_.list(options_.account);
    if (!all) co_return trouble(name, all.error());
    const auto same = std::ranges::find_if(*all, [&](const auto& one) { return has_use(one, folder.special_use); });
    if (same != all->end()) name = same->name;
  }
  auto found = co_await store_.find(options_.account, name);
  if (!found &&
      (found.error().code == store::ErrorCode::kNoMailbox || found.error().code == store::ErrorCode::kNoSelect)) {
    // Below another mailbox it is a copy of old mail: programs would file into it what belongs into the account's own.
    const auto use = options_.into.empty() ? folder.special_use : std::string();
    found = co_await store_.create(options_.account, name, use);
  }
  if (!found) co_return trouble(name, found.error());
  if (folder.subscribed && !found->subscribed) {
    const auto subscribed = co_await store_.subscribe(options_.account, found->name, true);
    if (!subscribed) co_return trouble(name, subscribed.error());
  }
  co_return *std::move(found);
}

async::Task<Outcome<void>> Importer::import_one(const Work& work) {
  if (state_.has_other_validity(work.folder))
    co_return std::unexpected(work.folder.name +
                              ": was made anew at the source, what an earlier run imported cannot be told from what it "
                              "did not; without the state file all of it is imported again");
  const auto mailbox = co_await mailbox_for(work.folder);
  if (!mailbox) co_return std::unexpected(mailbox.error());
  const auto status = co_await store_.status(mailbox->ref);
  if (!status) co_return trouble(mailbox->name, status.error());
  uidnext_ = status->uidnext;
  const auto known = state_.folder(work.folder, mailbox->name, status->uidvalidity);
  if (!known) co_return std::unexpected(known.error());
  ++report_.mailboxes;
  std::vector<const Item*> fresh, changed;
  for (const auto& item : work.items) {
    const auto found = (*known)->known.find(item.key);
    if (found == (*known)->known.end())
      fresh.push_back(&item);
    else if (found->second.flags != to_text(item.flags))
      changed.push_back(&item);
  }
  const auto old = work.items.size() - fresh.size();
  report_.known += old;
  advance(old, mailbox->name);
  const auto flags_carried = co_await carry_flags(mailbox->ref, **known, std::move(changed));
  if (!flags_carried) co_return std::unexpected(mailbox->name + ": " + flags_carried.error());
  co_return co_await carry_messages(*mailbox, **known, work.folder, std::move(fresh));
}

async::Task<Outcome<void>> Importer::carry_flags(store::MailboxRef mailbox, FolderState& known,
                                                 std::vector<const Item*> items) {
  for (std::size_t begin = 0; begin < items.size(); begin += kFlagChanges) {
    const auto end = std::min(begin + kFlagChanges, items.size());
    std::vector<store::FlagRequest> requests;
    for (std::size_t n = begin; n < end; ++n) {
      // Only what has changed at the source: what a user has changed here since stays.
      const auto& message = known.known.at(items[n]->key);
      const auto before = flags_from_text(message.flags);
      const auto& now = items[n]->flags;
      const store::UidSet uid = {{message.uid, message.uid}};
      requests.push_back({uid, {store::FlagMode::kAdd, now.system & ~before.system, without(now, before), {}}});
      requests.push_back({uid, {store::FlagMode::kRemove, before.system & ~now.system, without(before, now), {}}});
    }
    const auto stored = co_await store_.store_flags(mailbox, std::move(requests));
    if (!stored) co_return std::unexpected(std::string(store::to_string(stored.error().code)));
    for (std::size_t n = begin; n < end; ++n) {
      if (!(*stored)[2 * (n - begin)]) ++report_.keywords_dropped;
      ++report_.flags_changed;
      if (auto noted = state_.set_flags(known, items[n]->key, to_text(items[n]->flags)); !noted) co_return noted;
    }
  }
  co_return Outcome<void>();
}

async::Task<Outcome<void>> Importer::carry_messages(const store::MailboxInfo& mailbox, FolderState& known,
                                                    const Folder& folder, std::vector<const Item*> items) {
  std::size_t next = 0;
  const auto take = [&] {
    std::vector<const Item*> batch;
    for (std::uint64_t bytes = 0; next < items.size() && batch.size() < kBatchMessages && bytes < kBatchBytes; ++next) {
      batch.push_back(items[next]);
      bytes += items[next]->size;
    }
    return batch;
  };
  async::TaskGroup ahead;
  std::unique_ptr<Reading> current, following;
  const auto start = [&](std::unique_ptr<Reading>& reading) {
    reading = next < items.size() ? std::make_unique<Reading>(take()) : nullptr;
    if (reading) ahead.spawn(reading->run(source_, folder));
  };
  Outcome<void> done;
  for (start(current); current && done; current = std::move(following)) {
    co_await current->ready.wait_uncancellable();
    start(following);
    done = co_await append(mailbox, known, *current);
  }
  co_await ahead.join();
  co_return done;
}

async::Task<Outcome<void>> Importer::append(const store::MailboxInfo& mailbox, const FolderState& known,
                                            Reading& reading) {
  if (!reading.result) co_return std::unexpected(reading.result.error());
  Batch batch{known.number, uidnext_, {}};
  std::vector<store::AppendMessage> messages;
  std::uint64_t bytes = 0;
  for (std::size_t n = 0; n < reading.items.size(); ++n) {
    auto& message = (*reading.result)[n];
    if (!message) continue;
    const auto& item = *reading.items[n];
    const auto date = std::max(message->internaldate, WallTime{});  // a file may have any
    bytes += message->bytes->size();
    batch.items.push_back({item.key, message->bytes->size(), to_micros(date), to_text(item.flags)});
    messages.push_back({std::move(message->bytes), item.flags.system, item.flags.keywords, date});
  }
  if (!messages.empty()) {
    if (auto begun = state_.begin(std::move(batch)); !begun) co_return begun;
    const auto count = messages.size();
    const auto appended = co_await give(mailbox.ref, std::move(messages));
    if (!appended) {
      // After a disk or a database that failed nobody knows; else the store has said that it did not take them.
      if (store::is_transient(appended.error().code)) co_return trouble(mailbox.name, appended.error());
      if (auto settled = state_.settle(std::nullopt); !settled) co_return settled;
      co_return trouble(mailbox.name, appended.error());
    }
    uidnext_ = appended->uids.back() + 1;
    if (auto settled = state_.settle(appended->uids.front()); !settled) co_return settled;
    report_.messages += count;
    report_.bytes += bytes;
  }
  advance(reading.items.size(), mailbox.name);
  co_return Outcome<void>();
}

async::Task<store::Result<store::Appended>> Importer::give(store::MailboxRef mailbox,
                                                           std::vector<store::AppendMessage> messages) {
  auto appended = co_await store_.append(mailbox, messages);
  if (appended || appended.error().code != store::ErrorCode::kTooManyKeywords) co_return appended;
  for (auto& message : messages) {
    if (!message.keywords.empty()) ++report_.keywords_dropped;
    message.keywords.clear();
  }
  co_return co_await store_.append(mailbox, std::move(messages));
}

void Importer::advance(std::uint64_t count, const std::string& mailbox) {
  done_ += count;
  if (show_) show_(done_, total_, mailbox);
}

}  // namespace quartet::transfer
