// The calls of Store: each goes to the store that has the account, or that the mailbox is of.
#include <algorithm>
#include <iterator>

#include "common/store/router_calls.h"

namespace quartet::store {

Store::Async<std::vector<MailboxInfo>> Router::list(std::string account) {
  return by_account<std::vector<MailboxInfo>>(account, [=](Engine& engine) { return engine.list(account); });
}

Store::Async<MailboxInfo> Router::find(std::string account, std::string name) {
  return by_account<MailboxInfo>(account, [=](Engine& engine) { return engine.find(account, name); });
}

Store::Async<MailboxInfo> Router::create(std::string account, std::string name, std::string special_use) {
  return by_account<MailboxInfo>(account, [=](Engine& engine) { return engine.create(account, name, special_use); });
}

Store::Done Router::remove(std::string account, std::string name) {
  return by_account<void>(account, [=](Engine& engine) { return engine.remove(account, name); });
}

Store::Done Router::rename(std::string account, std::string from, std::string to) {
  return by_account<void>(account, [=](Engine& engine) { return engine.rename(account, from, to); });
}

Store::Done Router::subscribe(std::string account, std::string name, bool subscribed) {
  return by_account<void>(account, [=](Engine& engine) { return engine.subscribe(account, name, subscribed); });
}

Store::Async<QuotaUsage> Router::quota(std::string account) {
  return by_account<QuotaUsage>(account, [=](Engine& engine) { return engine.quota(account); });
}

Store::Async<std::optional<QuotaUsage>> Router::usage(std::string account) {
  return by_account<std::optional<QuotaUsage>>(account, [=](Engine& engine) { return engine.usage(account); });
}

Store::Done Router::check_quota(std::string account, std::uint64_t bytes, std::uint64_t messages) {
  return by_account<void>(account, [=](Engine& engine) { return engine.check_quota(account, bytes, messages); });
}

Store::Done Router::check_mailbox_quota(std::string account, std::string mailbox, std::uint64_t bytes,
                                        std::uint64_t messages) {
  return by_account<void>(
      account, [=](Engine& engine) { return engine.check_mailbox_quota(account, mailbox, bytes, messages); });
}

Store::Async<std::uint64_t> Router::recount(std::string account) {
  return by_account<std::uint64_t>(account, [=](Engine& engine) { return engine.recount(account); });
}

Store::Async<bool> Router::hold_maildrop(std::string account, std::string holder, std::chrono::milliseconds time) {
  return by_account<bool>(account, [=](Engine& engine) { return engine.hold_maildrop(account, holder, time); });
}

Store::Done Router::leave_maildrop(std::string account, std::string holder) {
  return by_account<void>(account, [=](Engine& engine) { return engine.leave_maildrop(account, holder); });
}

Store::Async<std::vector<std::string>> Router::accounts(std::string after, std::size_t most) {
  std::vector<std::string> names;
  for (const auto& home : homes_) {
    const auto some = co_await home.engine->accounts(after, most);
    if (!some) co_return some;
    names.insert(names.end(), some->begin(), some->end());
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  names.resize(std::min(names.size(), most));
  co_return names;
}

/// Also where it was before it was moved.
Store::Async<std::uint64_t> Router::erase(std::string account) {
  std::uint64_t messages = 0;
  for (const auto& home : homes_) {
    const auto erased = co_await home.engine->erase(account);
    if (!erased) co_return erased;
    messages += *erased;
  }
  co_return messages;
}

Store::Async<std::unique_ptr<Watcher>> Router::watch_account(std::string account) {
  return by_account<std::unique_ptr<Watcher>>(account, [=](Engine& engine) { return engine.watch_account(account); });
}

Store::Async<Status> Router::status(MailboxRef mailbox) {
  return by_mailbox<Status>(mailbox, [=](Engine& engine) { return engine.status(mailbox); });
}

Store::Async<Appended> Router::append(MailboxRef mailbox, std::vector<AppendMessage> messages, bool claims_recent) {
  return by_mailbox<Appended>(mailbox, [=](Engine& engine) { return engine.append(mailbox, messages, claims_recent); });
}

Store::Async<Appended> Router::replace(MailboxRef from, std::uint32_t uid, MailboxRef to, AppendMessage message) {
  return by_mailbox<Appended>(to, [=](Engine& engine) { return engine.replace(from, uid, to, message); });
}

Store::Async<FlagsStored> Router::store_flags(MailboxRef mailbox, UidSet uids, FlagChange change) {
  return by_mailbox<FlagsStored>(mailbox, [=](Engine& engine) { return engine.store_flags(mailbox, uids, change); });
}

Store::Async<Expunged> Router::expunge(MailboxRef mailbox, std::optional<UidSet> uids) {
  return by_mailbox<Expunged>(mailbox, [=](Engine& engine) { return engine.expunge(mailbox, uids); });
}

Store::Async<Expunged> Router::remove_messages(MailboxRef mailbox, UidSet uids) {
  return by_mailbox<Expunged>(mailbox, [=](Engine& engine) { return engine.remove_messages(mailbox, uids); });
}

Store::Async<SnapshotPtr> Router::snapshot(MailboxRef mailbox) {
  return by_mailbox<SnapshotPtr>(mailbox, [=](Engine& engine) { return engine.snapshot(mailbox); });
}

Store::Async<Changes> Router::changes(MailboxRef mailbox, std::uint64_t since_modseq) {
  return by_mailbox<Changes>(mailbox, [=](Engine& engine) { return engine.changes(mailbox, since_modseq); });
}

Store::Async<RecentRange> Router::claim_recent(MailboxRef mailbox) {
  return by_mailbox<RecentRange>(mailbox, [=](Engine& engine) { return engine.claim_recent(mailbox); });
}

Store::Async<std::vector<MessageDetails>> Router::details(MailboxRef mailbox, UidSet uids) {
  return by_mailbox<std::vector<MessageDetails>>(mailbox,
                                                 [=](Engine& engine) { return engine.details(mailbox, uids); });
}

Store::Async<CachedBatch> Router::fetch_cached(MailboxRef mailbox, std::vector<ObjectId> objects, unsigned fields) {
  return by_mailbox<CachedBatch>(mailbox,
                                 [=](Engine& engine) { return engine.fetch_cached(mailbox, objects, fields); });
}

Store::Done Router::show_cached(MailboxRef mailbox, std::vector<ObjectId> objects, unsigned fields, UseCached use) {
  return by_mailbox<void>(mailbox, [=](Engine& engine) { return engine.show_cached(mailbox, objects, fields, use); });
}

Store::Async<Bytes> Router::read(MailboxRef mailbox, ObjectId object) {
  return by_mailbox<Bytes>(mailbox, [=](Engine& engine) { return engine.read(mailbox, object); });
}

Store::Async<OpenMessage> Router::open(MailboxRef mailbox, ObjectId object) {
  return by_mailbox<OpenMessage>(mailbox, [=](Engine& engine) { return engine.open(mailbox, object); });
}

Store::Async<std::vector<Bytes>> Router::read_many(MailboxRef mailbox, std::vector<ObjectId> objects) {
  return by_mailbox<std::vector<Bytes>>(mailbox, [=](Engine& engine) { return engine.read_many(mailbox, objects); });
}

Store::Async<Acl> Router::acl(MailboxRef mailbox) {
  return by_mailbox<Acl>(mailbox, [=](Engine& engine) { return engine.acl(mailbox); });
}

Store::Done Router::set_acl(MailboxRef mailbox, std::string identifier, AclMode mode, Rights rights) {
  return by_mailbox<void>(mailbox, [=](Engine& engine) { return engine.set_acl(mailbox, identifier, mode, rights); });
}

Store::Async<std::vector<Annotation>> Router::annotations(MailboxRef mailbox, std::string user) {
  return by_mailbox<std::vector<Annotation>>(mailbox,
                                             [=](Engine& engine) { return engine.annotations(mailbox, user); });
}

Store::Done Router::annotate(MailboxRef mailbox, std::vector<AnnotationChange> changes) {
  return by_mailbox<void>(mailbox, [=](Engine& engine) { return engine.annotate(mailbox, changes); });
}

Store::Async<QuotaUsage> Router::quota(MailboxRef mailbox) {
  return by_mailbox<QuotaUsage>(mailbox, [=](Engine& engine) { return engine.quota(mailbox); });
}

Store::Done Router::set_quota(MailboxRef mailbox, QuotaLimit limit) {
  return by_mailbox<void>(mailbox, [=](Engine& engine) { return engine.set_quota(mailbox, limit); });
}

Store::Async<Appended> Router::append(std::string account, std::string name, std::vector<AppendMessage> messages,
                                      std::optional<MailboxRef> selected) {
  return by_account<Appended>(account,
                              [=](Engine& engine) { return engine.append(account, name, messages, selected); });
}

Store::Done Router::look_at(MailboxRef mailbox, std::vector<ObjectId> objects, Look look) {
  return by_mailbox<void>(mailbox, [=](Engine& engine) { return engine.look_at(mailbox, objects, look); });
}

Store::Async<std::vector<Result<FlagsStored>>> Router::store_flags(MailboxRef mailbox,
                                                                   std::vector<FlagRequest> changes) {
  using All = std::vector<Result<FlagsStored>>;
  // All are made in one transaction: if the account's standing forbids one, it forbids all.
  return by_mailbox<All>(mailbox, [=](Engine& engine) -> Async<All> {
    return [](Engine& store, MailboxRef ref, std::vector<FlagRequest> requests) -> Async<All> {
      auto results = co_await store.store_flags(ref, std::move(requests));
      if (!results) co_return results;
      for (auto& result : *results)
        if (!result && (is_passing(result.error().code) || result.error().code == ErrorCode::kNoMailbox))
          co_return std::unexpected(std::move(result.error()));
      co_return results;
    }(engine, mailbox, changes);
  });
}

Store::Async<std::vector<Granted>> Router::granted(std::vector<std::string> identifiers) {
  std::vector<Granted> all;
  for (const auto& home : homes_) {
    auto some = co_await home.engine->granted(identifiers);
    if (!some) co_return some;
    std::ranges::move(*some, std::back_inserter(all));
  }
  co_return all;
}

std::unique_ptr<Watcher> Router::watch(MailboxRef mailbox) {
  Engine* const engine = owner(mailbox);
  return (engine == nullptr ? at(0) : *engine).watch(mailbox);
}

std::shared_ptr<void> Router::follow_hints(std::function<void(std::span<const MailboxRef>)> take) {
  auto followed = std::make_shared<std::vector<std::shared_ptr<void>>>();
  for (const auto& home : homes_)
    if (auto one = home.engine->follow_hints(take)) followed->push_back(std::move(one));
  if (followed->empty()) return nullptr;
  return followed;
}

void Router::take_hints(std::span<const MailboxRef> hints) {
  for (const auto& hint : hints)
    if (Engine* const engine = owner(hint)) engine->take_hints({&hint, 1});
}

Store::Async<GcReport> Router::gc() {
  GcReport all;
  for (const auto& home : homes_) {
    const auto one = co_await home.engine->gc();
    if (!one) co_return one;
    all.objects_released += one->objects_released;
    all.segments_removed += one->segments_removed;
    all.bytes_released += one->bytes_released;
  }
  co_return all;
}

}  // namespace quartet::store
