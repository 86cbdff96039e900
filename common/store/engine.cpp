// Opening and closing, accounts, watchers.
#include "common/store/engine.h"

#include <algorithm>

#include "common/base/crc32c.h"
#include "common/store/backing.h"

namespace quartet::store {
std::unexpected<StoreError> no_mailbox() { return std::unexpected(StoreError{ErrorCode::kNoMailbox, ""}); }

std::unexpected<StoreError> database_error(Database& database) {
  // The transaction will be undone and the caller gets the error latched in the database; this one only fills the
  // place.
  return std::unexpected(database.failed() ? database.error() : StoreError{ErrorCode::kCorrupt, "a row is missing"});
}

std::unexpected<StoreError> refused(Transaction& transaction) {
  if (auto refusal = transaction.refused()) return std::unexpected(*std::move(refusal));
  return database_error(transaction.database());
}

std::unexpected<StoreError> elsewhere(const Standing& standing) {
  return std::unexpected(StoreError{ErrorCode::kMoved, standing.peer});
}

Engine::Engine(Options options) : options_(std::move(options)) {}

std::expected<std::unique_ptr<Engine>, StoreError> Engine::open(Options options) {
  for (const DefaultMailbox& mailbox : options.default_mailboxes)
    if (const auto name = canonical_name(mailbox.name); !name)
      return std::unexpected(StoreError{ErrorCode::kInvalidName, mailbox.name + ": " + name.error().detail});
  std::unique_ptr<Engine> engine(new Engine(std::move(options)));
  if (auto error = engine->start()) return std::unexpected(std::move(*error));
  return engine;
}

std::optional<StoreError> Engine::start() {
  auto backing = options_.postgres.empty() ? sqlite_backing(options_) : postgres_backing(options_);
  if (!backing) return backing.error();
  bodies_ = std::move(backing->bodies);
  leases_ = std::move(backing->leases);
  hub_ = std::make_shared<Hub>(
      backing->hints_directory, options_.poll_interval,
      [this](std::uint32_t number, std::int64_t account) -> std::uint64_t {
        auto reader = shard(number).reader();
        if (!reader.ok()) return 0;
        const auto row = read_account(*reader, account);
        return row ? row->modseq : 0;
      },
      options_.first_shard);
  limits_known_ = std::vector<LimitsKnown>(backing->shards.size());
  for (auto& place : backing->shards) {
    const auto number = options_.first_shard + static_cast<std::uint32_t>(shards_.size());
    auto opened = Shard::open(std::move(place), number, options_, hub_);
    if (!opened) return opened.error();
    shards_.push_back(std::move(*opened));
  }
  pool_ = std::make_unique<async::ThreadPool>("store-read", std::max<std::size_t>(options_.reader_threads, 1));
  texts_ = std::make_unique<TextShelf>(text_sources());
  for (const auto& shard : shards_)
    shard->on_releases([this] {
      const std::lock_guard lock(upkeep_mutex_);
      upkeep_due_ = true;
      upkeep_wake_.notify_one();
    });
  upkeep_thread_ = std::thread([this] { upkeep(); });
  return std::nullopt;
}

std::vector<TextShelf::Source> Engine::text_sources() {
  std::vector<TextShelf::Source> sources;
  for (const auto& shard : shards_) sources.push_back({*pool_, *shard});
  return sources;
}

Engine::~Engine() {
  {
    const std::lock_guard lock(upkeep_mutex_);
    closing_ = true;
    upkeep_wake_.notify_one();
  }
  if (upkeep_thread_.joinable()) upkeep_thread_.join();
  if (hub_ != nullptr) hub_->stop();
  pool_.reset();
  texts_.reset();
  shards_.clear();
}

std::uint32_t Engine::shard_of(std::string_view account) const {
  return options_.first_shard + crc32c(account) % static_cast<std::uint32_t>(shards_.size());
}

Shard* Engine::shard(const MailboxRef& mailbox) { return owns(mailbox) ? &shard(mailbox.shard) : nullptr; }

Store::Async<std::int64_t> Engine::account_id(std::string account) {
  {
    const std::lock_guard lock(accounts_mutex_);
    if (const auto known = account_ids_.find(account); known != account_ids_.end()) co_return known->second;
  }
  Shard& home = shard(shard_of(account));
  auto id = co_await read_from<std::int64_t>(*pool_, home, [&account](Database& database) -> Result<std::int64_t> {
    const auto row = read_account(database, account);
    return row ? row->id : 0;
  });
  if (id && *id == 0) {
    id = co_await write_to<std::int64_t>(home, [&account](Transaction& transaction) -> Result<std::int64_t> {
      const AccountRow* const row = transaction.account(account);
      if (row == nullptr) return refused(transaction);
      return row->id;
    });
  }
  if (id) {
    const std::lock_guard lock(accounts_mutex_);
    account_ids_.emplace(account, *id);
  }
  co_return id;
}

std::shared_ptr<void> Engine::follow_hints(std::function<void(std::span<const MailboxRef>)> take) {
  return options_.postgres.empty() ? nullptr : hub_->follow(std::move(take));
}

void Engine::take_hints(std::span<const MailboxRef> hints) {
  for (const MailboxRef& hint : hints) hub_->notify(hint.shard, {hint.account, hint.mailbox});
}

std::unique_ptr<Watcher> Engine::watch(MailboxRef mailbox) { return hub_->watch(mailbox); }

Store::Async<std::unique_ptr<Watcher>> Engine::watch_account(std::string account) {
  const auto id = co_await account_id(account);
  if (!id) co_return std::unexpected(id.error());
  // The mark is looked at behind the watch, which therefore sees the account go.
  auto watcher = hub_->watch({shard_of(account), *id, 0});
  const auto row = co_await row_of(account);
  if (!row) co_return std::unexpected(row.error());
  if (*row && !(*row)->standing.holds()) co_return elsewhere((*row)->standing);
  co_return watcher;
}

Store::Async<std::optional<AccountRow>> Engine::row_of(std::string account) {
  using Row = std::optional<AccountRow>;
  co_return co_await read_from<Row>(*pool_, home_of(account), [&account](Database& database) -> Result<Row> {
    return read_account(database, account);
  });
}

Store::Async<std::optional<AccountRow>> Engine::row_of(MailboxRef mailbox) {
  using Row = std::optional<AccountRow>;
  if (!owns(mailbox)) co_return std::nullopt;
  co_return co_await read_from<Row>(*pool_, shard(mailbox.shard), [&](Database& database) -> Result<Row> {
    return read_account(database, mailbox.account);
  });
}

}  // namespace quartet::store
