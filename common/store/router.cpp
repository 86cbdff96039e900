// Where accounts are, and calls on their way there.
#include "common/store/router.h"

#include <algorithm>

#include "common/base/crc32c.h"
#include "common/log/log.h"
#include "common/store/router_calls.h"

namespace quartet::store {
namespace {

// Far more than a store has.
constexpr std::uint32_t kShardBits = 12;

/// By the name, so that all processes count alike, whatever stores they have besides.
std::uint32_t first_shard(std::string_view name) { return (crc32c(name) % 0xFFFF + 1) << kShardBits; }

StoreError invalid(const std::string& text) { return {ErrorCode::kUnsupported, text}; }

}  // namespace

std::expected<std::unique_ptr<Store>, StoreError> open_store(Options options) {
  if (options.additional.empty()) return Engine::open(std::move(options));
  return Router::open(options);
}

std::expected<std::unique_ptr<Router>, StoreError> Router::open(const Options& options) {
  std::unique_ptr<Router> router(new Router());
  const auto add = [&](Options one) -> std::optional<StoreError> {
    auto name = one.name;
    if (router->named(name)) return invalid("two stores are called " + name);
    for (const auto& home : router->homes_)
      if (home.engine->owns({one.first_shard, 0, 0})) return invalid("choose another name than " + name);
    auto engine = Engine::open(std::move(one));
    if (!engine) return StoreError{engine.error().code, name + ": " + engine.error().detail};
    router->homes_.push_back({std::move(name), *std::move(engine)});
    return std::nullopt;
  };
  Options main = options;
  main.additional.clear();
  if (auto error = add(main)) return std::unexpected(*std::move(error));
  for (const auto& each : options.additional) {
    Options one = main;
    one.name = each.name;
    one.directory = each.directory;
    one.postgres = each.postgres;
    one.first_shard = first_shard(each.name);
    if (auto error = add(std::move(one))) return std::unexpected(*std::move(error));
  }
  std::vector<TextShelf::Source> sources;
  for (const auto& home : router->homes_)
    for (const auto& source : home.engine->text_sources()) sources.push_back(source);
  router->texts_ = std::make_unique<TextShelf>(sources);
  return router;
}

Engine* Router::owner(const MailboxRef& mailbox) {
  const auto home = std::ranges::find_if(homes_, [&mailbox](const Home& each) { return each.engine->owns(mailbox); });
  return home == homes_.end() ? nullptr : home->engine.get();
}

std::optional<std::size_t> Router::named(std::string_view name) const {
  const auto home = std::ranges::find(homes_, name, &Home::name);
  if (home == homes_.end()) return std::nullopt;
  return static_cast<std::size_t>(home - homes_.begin());
}

void Router::forget(const std::string& account) {
  const std::lock_guard lock(mutex_);
  known_.erase(account);
}

Store::Async<std::size_t> Router::locate(std::string account) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = known_.find(account); known != known_.end()) co_return known->second;
  }
  co_return co_await follow_marks(std::move(account));
}

Store::Async<std::size_t> Router::follow_marks(std::string account) {
  std::size_t here = 0;
  std::optional<Standing> mark;  // that has led here
  for (std::size_t hop = 0; hop <= 2 * homes_.size(); ++hop) {
    const auto row = co_await at(here).row_of(account);
    if (!row) co_return std::unexpected(row.error());
    if (!*row && !mark) co_return co_await adopt(std::move(account));
    if (!*row)
      co_return std::unexpected(StoreError{ErrorCode::kCorrupt, account + " is not in the store " + homes_[here].name});
    const auto& standing = (*row)->standing;
    if (standing.holds()) {
      const std::lock_guard lock(mutex_);
      known_[account] = here;
      co_return here;
    }
    // Who moved it here came no further than the commit that counts.
    if (standing.kind == Standing::Kind::kIncoming && mark && mark->kind == Standing::Kind::kMoved &&
        mark->move == standing.move && mark->peer == homes_[here].name) {
      const auto move = standing.move;
      const auto active = co_await write_to<bool>(
          at(here).home_of(account), [&](Transaction& transaction) { return activate(transaction, account, move); });
      if (!active) co_return std::unexpected(active.error());
      continue;
    }
    const auto next = named(standing.peer);
    if (!next)
      co_return std::unexpected(invalid("the account is in the store " + standing.peer + ", which is not configured"));
    mark = standing;
    here = *next;
  }
  co_return std::unexpected(StoreError{ErrorCode::kMoving, account});
}

Store::Async<std::size_t> Router::adopt(std::string account) {
  for (std::size_t n = 1; n < homes_.size(); ++n) {
    const auto row = co_await at(n).row_of(account);
    if (!row) co_return std::unexpected(row.error());
    if (!*row || !(*row)->standing.holds()) continue;
    const auto pointed = co_await point_to(account, n);
    if (!pointed) co_return std::unexpected(pointed.error());
    log::info("store.account_adopted", {{"account", account}, {"store", homes_[n].name}});
    co_return n;
  }
  co_return 0;
}

/// Makes the main store say where the account is, unless it has it itself.
Store::Done Router::point_to(std::string account, std::size_t to) {
  const auto pointed = co_await write_to<bool>(at(0).home_of(account), [&](Transaction& transaction) -> Result<bool> {
    AccountRow* row = transaction.account_anyhow(account);
    if (row == nullptr && !transaction.database().failed()) {
      row = transaction.create_incoming(account);
      if (row != nullptr) row->standing.kind = Standing::Kind::kMoved;
    }
    if (row == nullptr) return database_error(transaction.database());
    if (row->standing.kind != Standing::Kind::kMoved || row->standing.peer == homes_[to].name) return false;
    transaction.set_standing(*row, {Standing::Kind::kMoved, homes_[to].name, {}});
    return true;
  });
  if (!pointed) co_return std::unexpected(pointed.error());
  co_return Result<void>();
}

async::Task<void> Router::wait_for_move(std::size_t home, std::string account) {
  auto watcher = co_await at(home).watch_account(std::move(account));
  // Hints may be lost.
  constexpr std::chrono::milliseconds kLookAgain{100};
  if (watcher) (void)co_await (*watcher)->event().wait(async::Deadline::after(kLookAgain));
}

async::Task<StoreError> Router::why_missing(Engine& engine, MailboxRef mailbox, StoreError error) {
  const auto row = co_await engine.row_of(mailbox);
  if (!row || !*row || (*row)->standing.holds()) co_return error;
  forget((*row)->name);
  co_return StoreError{ErrorCode::kMoved, (*row)->standing.peer};
}

// The account of a second target may be elsewhere by the time the first has its copy: each goes its own way, and to
// where it is then.
async::Task<std::vector<Result<Stored>>> Router::deliver(std::vector<DeliveryTarget> targets, Bytes message,
                                                         WallTime internaldate) {
  std::vector<Result<Stored>> results(targets.size());
  std::vector<std::size_t> pending(targets.size());
  for (std::size_t n = 0; n < targets.size(); ++n) pending[n] = n;
  for (Patience patience; !pending.empty();) {
    std::map<std::size_t, std::vector<std::size_t>> by_home;
    for (const auto n : pending) {
      const auto home = co_await locate(targets[n].account);
      if (home)
        by_home[*home].push_back(n);
      else
        results[n] = std::unexpected(home.error());
    }
    std::size_t last = 0;
    for (const auto& [home, mine] : by_home) {
      std::vector<DeliveryTarget> some;
      for (const auto n : mine) some.push_back(targets[n]);
      auto stored = co_await at(home).deliver(std::move(some), message, internaldate);
      for (std::size_t n = 0; n < mine.size(); ++n) results[mine[n]] = std::move(stored[n]);
      last = home;
    }
    std::erase_if(pending, [&](std::size_t n) { return results[n] || !is_passing(results[n].error().code); });
    if (pending.empty()) break;
    for (const auto n : pending) forget(targets[n].account);
    const auto& first = results[pending.front()].error();
    if (!patience.goes_on(first.code)) break;
    if (first.code == ErrorCode::kMoving) co_await wait_for_move(last, targets[pending.front()].account);
  }
  co_return results;
}

}  // namespace quartet::store
