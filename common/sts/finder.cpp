#include "common/sts/finder.h"

#include "common/dns/codec.h"
#include "common/log/log.h"

namespace quartet::sts {
namespace {

constexpr std::size_t kFetchers = 16;  // a server that says nothing has one for 15 seconds
constexpr std::size_t kMostKnown = 20'000;
constexpr auto kPauseAfterFailure = std::chrono::minutes(5);  // RFC 8461 section 3.3
constexpr auto kRefresh = std::chrono::hours(24);             // RFC 8461 section 10.2

struct Fetched {
  std::shared_ptr<const Entry> entry;
  Failure failure;
  bool saved = false;
};

/// In the pool: fetches, parses and saves.
Fetched fetch_and_save(const Store& store, const std::string& domain, const std::string& id,
                       const std::vector<std::string>& addresses, const FetchOptions& options) {
  auto text = fetch(domain, addresses, options);
  if (!text) return {nullptr, std::move(text.error()), false};
  auto policy = parse_policy(*text);
  if (!policy) return {nullptr, {Failure::Kind::kInvalid, std::move(policy.error())}, false};
  auto entry = std::make_shared<const Entry>(Entry{id, wall_now(), *std::move(text), *std::move(policy)});
  const bool saved = store.save(domain, *entry);
  return {std::move(entry), {}, saved};
}

}  // namespace

Finder::Finder(FinderOptions options)
    : options_(std::move(options)),
      store_(options_.directory),
      disk_("mta-sts-disk", 1),
      fetchers_("mta-sts", kFetchers) {}

async::Task<Finding> Finder::find(dns::Resolver& resolver, std::string domain, async::Deadline deadline) {
  const auto canonical = dns::canonical_name(domain);
  if (!canonical) co_return Finding{};
  if (!known_.contains(*canonical)) {
    auto entry = co_await async::offload(disk_, [this, name = *canonical] { return store_.load(name); });
    if (known_.size() >= kMostKnown) known_.clear();  // the disk has it all
    known_.try_emplace(*canonical, entry ? std::make_shared<const Entry>(*std::move(entry)) : nullptr, SteadyTime{},
                       nullptr);
  }
  // A copy: others may make room in the map while we wait.
  auto [entry, no_fetch_until, failure] = known_[*canonical];
  const auto records = co_await resolver.txt("_mta-sts." + *canonical, deadline);
  const auto id = records ? policy_id(records->values) : std::nullopt;
  if (id) {
    const bool current = entry && entry->id == *id && entry->live(wall_now()) && wall_now() - entry->fetched < kRefresh;
    if (!current && no_fetch_until <= std::chrono::steady_clock::now()) {
      auto fresh = co_await refresh(resolver, *canonical, *id, deadline);
      if (fresh)
        entry = *std::move(fresh);
      else
        failure = std::move(fresh.error());
    }
  }
  if (!entry || !entry->live(wall_now())) co_return Finding{nullptr, id ? failure : nullptr};
  if (entry->policy.mode == Mode::kNone) co_return Finding{};
  co_return Finding{std::shared_ptr<const Policy>(entry, &entry->policy)};
}

async::Task<std::expected<std::shared_ptr<const Entry>, std::shared_ptr<const Failure>>> Finder::refresh(
    dns::Resolver& resolver, std::string domain, std::string id, async::Deadline deadline) {
  const auto addresses = co_await dns::resolve_host(resolver, "mta-sts." + domain, options_.families, deadline);
  Fetched fetched;
  if (addresses) {
    fetched = co_await async::offload(fetchers_, [this, domain, id, hosts = addresses->addresses] {
      return fetch_and_save(store_, domain, id, hosts, options_.fetch);
    });
  } else {
    fetched.failure.text = addresses.error().detail;
  }
  auto& known = known_[domain];
  if (!fetched.entry) {
    known.no_fetch_until = std::chrono::steady_clock::now() + kPauseAfterFailure;
    known.failure = std::make_shared<const Failure>(std::move(fetched.failure));
    log::warn("sts.fetch_failed", {{"domain", domain}, {"id", id}, {"reason", known.failure->text}});
    co_return std::unexpected(known.failure);
  }
  if (!fetched.saved) log::warn("sts.not_saved", {{"domain", domain}});
  known.entry = fetched.entry;
  known.failure = nullptr;
  co_return fetched.entry;
}

}  // namespace quartet::sts
