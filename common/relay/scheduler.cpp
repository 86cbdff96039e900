// From the spool to sites: due recipients are claimed, routed and put into the ready queue of their site.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "common/log/log.h"
#include "common/mime/idna.h"
#include "common/relay/figures.h"
#include "common/relay/impl.h"
#include "common/relay/local_hop.h"
#include "common/spool/handling.h"

namespace quartet::relay {
namespace {

constexpr std::size_t kClaimBatch = 512;
constexpr auto kLongestSleep = std::chrono::seconds(30);
constexpr auto kLookAtLinks = std::chrono::milliseconds(200);
constexpr auto kTidyEvery = std::chrono::minutes(1);
constexpr std::size_t kMostResolved = 100'000;
constexpr std::size_t kMostLookUps = 200;          // at the same time
constexpr std::size_t kMostWaitForLookUp = 1'000;  // recipients, for one of them
constexpr double kLookUpRate = 500;                // a second, as a guess for those that find no place
constexpr std::size_t kMostGivenUp = 1'000;        // recipients, at the same time
constexpr double kGiveUpRate = 2'000;              // a second, as a guess for the others
constexpr auto kProbeSpread = std::chrono::seconds(10);
constexpr auto kScarcityPause = std::chrono::seconds(1);  // others may have closed something by then
constexpr auto kScarcitySpread = std::chrono::seconds(2);
constexpr auto kScarcitySaidAgain = std::chrono::minutes(1);

/// Up to `span`, so that what was put back together does not come back together.
std::chrono::milliseconds jitter(std::chrono::milliseconds span) {
  thread_local std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<std::int64_t> any(0, span.count());
  return std::chrono::milliseconds(any(random));
}

/// Of what the configuration holds or discards the log says nothing else.
void log_not_sent(const spool::Claim& claim, const char* kind) {
  log::info("relay.not_sent", {{"kind", kind},
                               {"message", claim.message->id.to_string()},
                               {"trace", claim.message->envelope.trace_id},
                               {"from", claim.message->envelope.reverse_path},
                               {"to", claim.address}});
}

WallTime wall_time_of(SteadyTime time) {
  return wall_now() + std::chrono::duration_cast<std::chrono::microseconds>(time - std::chrono::steady_clock::now());
}

/// A program is run as often at a time as it is said; a directory has one who writes.
std::shared_ptr<const SitePolicy> with_limits_of(const NextHop& next_hop, SitePolicy policy) {
  auto& concurrency = policy.limits.concurrency;
  concurrency.maximum = next_hop.kind == NextHop::Kind::kPipe ? next_hop.pipe->processes : 1;
  concurrency.initial = std::min(concurrency.initial, concurrency.maximum);
  return std::make_shared<const SitePolicy>(std::move(policy));
}

/// RFC 8689 sections 4.2.1 and 5: a notice goes on even where its way cannot be protected.
SenderTls sender_tls(const spool::Envelope& envelope) {
  if (envelope.require_tls) return envelope.reverse_path.empty() ? SenderTls::kUsual : SenderTls::kRequired;
  return spool::tls_optional(envelope) ? SenderTls::kOptional : SenderTls::kUsual;
}

/// RFC 6710 section 5.1. Only among what is due now, so that nothing urgent keeps other mail waiting for ever.
void urgent_first(std::vector<spool::Claim>& claims) {
  const auto priority = [&claims](std::size_t i) { return claims[i].message->envelope.priority; };
  std::vector<std::size_t> order(claims.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (std::ranges::none_of(order, priority)) return;
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    return priority(a) != priority(b) ? priority(a) > priority(b) : a < b;
  });
  std::vector<spool::Claim> sorted;
  sorted.reserve(claims.size());
  for (const auto i : order) sorted.push_back(std::move(claims[i]));
  claims = std::move(sorted);
}

Attempt local_verdict(spool::Claim claim, Attempt::Verdict verdict, std::uint16_t code, std::string enhanced,
                      std::string text) {
  Attempt attempt;
  attempt.claim = std::move(claim);
  attempt.verdict = verdict;
  attempt.reply = {code, std::move(enhanced), std::move(text), ""};
  return attempt;
}

}  // namespace

async::Task<void> Relay::Impl::schedule() {
  while (!stopping_) {
    wake_up_->event.reset();
    look_at_clock(std::chrono::steady_clock::now());
    auto claims = spool_.claim_due(wall_now(), kClaimBatch);
    const bool more = claims.size() == kClaimBatch;
    urgent_first(claims);
    std::vector<spool::Claim> given_up;
    for (auto& claim : claims) {
      const auto ruling = rules_.any() && !claim.bounce ? obey_rules(claim, true) : Ruling::kNone;
      if (ruling == Ruling::kSeenTo) continue;
      if (claim.bounce || ruling == Ruling::kGivenUp) {
        given_up.push_back(std::move(claim));
      } else {
        dispatch(std::move(claim));
      }
    }
    give_up(std::move(given_up));
    const auto now = std::chrono::steady_clock::now();
    look_after_sites(now);
    serve_line();  // for want of a descriptor it may have stood still
    const bool tidy = now - last_tidy_ > kTidyEvery;
    look_after_rules(tidy);
    if (tidy) {
      last_tidy_ = now;
      forget_idle_sites();
      end_what_is_over();
    }
    if (more) {
      co_await async::yield();
      continue;
    }
    co_await wake_up_->event.wait(async::Deadline::after(time_to_sleep()));
  }
}

/// A clock that is set back takes along what waits for a time: else mail that is to be tried in an hour would wait a
/// day if the clock was a day ahead.
void Relay::Impl::look_at_clock(SteadyTime now) {
  const auto moved = clock_.look(wall_now(), now);
  if (moved.count() == 0) return;
  log::warn("relay.clock_set", {{"seconds", std::chrono::round<std::chrono::seconds>(moved).count()}});
  if (moved.count() > 0) return;
  spool::Filter waiting;
  waiting.states = {spool::State::kQueued, spool::State::kDeferred};
  waiting.next_attempt_from = wall_now();
  spool_.change(waiting, {.verb = spool::Verb::kReschedule, .later = moved});
}

/// While the clock may have been set ahead by mistake, nothing expires that would not have without.
RetrySchedule Relay::Impl::with_doubt(const RetrySchedule& retry) const {
  const auto doubt = std::chrono::ceil<std::chrono::seconds>(clock_.doubt(std::chrono::steady_clock::now()));
  auto out = retry;
  out.lifetime += doubt;
  out.bounce_lifetime += doubt;
  return out;
}

std::chrono::microseconds Relay::Impl::time_to_sleep() {
  // Nobody says when the queue of a link has become empty: while one is served we look.
  const bool serving = links_.settle(router()->table().links);
  auto sleep = std::chrono::microseconds(serving ? kLookAtLinks : kLongestSleep);
  const auto at_most = [&sleep](std::chrono::microseconds time) {
    sleep = std::clamp(time, std::chrono::microseconds(0), sleep);
  };
  if (const auto due = spool_.next_due()) at_most(*due - wall_now());
  if (!ending_rules_) at_most(rules_.next_end() - wall_now());
  const auto at_most_until = [&at_most](SteadyTime time) {
    at_most(std::chrono::ceil<std::chrono::microseconds>(time - std::chrono::steady_clock::now()));
  };
  if (!looked_after_.empty()) at_most_until(looked_after_.begin()->first);
  if (!in_line_.empty() && connections_ < options_.connections) at_most_until(scarce_until_);
  return sleep;
}

void Relay::Impl::dispatch(spool::Claim claim) {
  if (not_released(claim)) return;
  const auto router = this->router();
  const auto domain = mime::domain_of(claim.address);
  const auto ordered = claim.next_hop.empty() ? std::nullopt : router->ordered(claim.next_hop);
  const auto* link = ordered ? nullptr : router->link_of(domain);
  auto* const turned = link != nullptr ? turned_for(*link, domain) : nullptr;
  if (link != nullptr && turned == nullptr && keep_waiting(claim, *link)) return;
  if (withheld(claim, domain, {})) return;
  if (turned != nullptr) return offer(*turned, std::move(claim));
  const auto& envelope = claim.message->envelope;
  const Sender sender{envelope.reverse_path, envelope.auth_id};
  const NextHop& next_hop = ordered ? *ordered : router->route(claim.address, sender);
  auto policy = router->site_policy(domain);
  const auto wish = sender_tls(envelope);
  switch (next_hop.kind) {
    case NextHop::Kind::kMx:
    case NextHop::Kind::kHosts: {
      const bool mx = next_hop.kind == NextHop::Kind::kMx;
      const auto tls = mx ? adjusted(router->tls_of(next_hop, domain), wish) : next_hop.tls;
      if (tls == next_hop.tls && wish == SenderTls::kUsual)
        return to_site(std::move(claim), next_hop, std::move(policy));
      auto changed = next_hop;
      changed.tls = tls;
      changed.sender_tls = wish;
      return to_site(std::move(claim), changed, std::move(policy));
    }
    case NextHop::Kind::kPipe:
    case NextHop::Kind::kBatch:
      return to_site(std::move(claim), next_hop, std::move(policy));
    case NextHop::Kind::kHold:
      log_not_sent(claim, "hold");
      spool_.record({{.recipient = claim.id(),
                      .result = spool::Result::kHeld,
                      .reply = {0, "", "held by the transport table", ""}}});
      return;
    case NextHop::Kind::kDiscard:
      log_not_sent(claim, "discard");
      spool_.record({{.recipient = claim.id(),
                      .result = spool::Result::kDropped,
                      .reply = {0, "", "discarded by the transport table", ""}}});
      return;
    case NextHop::Kind::kError: {
      std::vector<Attempt> attempts;
      attempts.push_back(local_verdict(std::move(claim), Attempt::Verdict::kPermanent, 550, "5.7.1", next_hop.error));
      conclude(std::move(attempts), usual_->retry);
      return;
    }
  }
}

/// What operators gave up fails with their reply; recipients of one message are told of together. A few at a time: each
/// notice needs its message in memory until it is on disk.
void Relay::Impl::give_up(std::vector<spool::Claim> claims) {
  std::ranges::sort(claims, {}, [](const spool::Claim& claim) { return claim.id(); });
  for (auto first = claims.begin(); first != claims.end();) {
    const auto end = std::find_if(first, claims.end(), [&](const auto& one) { return one.message != first->message; });
    std::vector<spool::Claim> group(std::make_move_iterator(first), std::make_move_iterator(end));
    first = end;
    const auto count = group.size();
    if (stopping_ || given_up_ >= kMostGivenUp) {
      put_back(std::move(group), wall_time_of(give_up_turns_.next(std::chrono::steady_clock::now(), kGiveUpRate, 0)));
      continue;
    }
    std::vector<Attempt> attempts;
    for (auto& claim : group) {
      auto reply = claim.last;
      const bool expired = spool::is_expiry(reply);
      auto& attempt = attempts.emplace_back(local_verdict(std::move(claim), Attempt::Verdict::kPermanent, reply.code,
                                                          std::move(reply.enhanced), std::move(reply.text)));
      attempt.expired = expired;
      if (expired) attempt.reply.host = std::move(reply.host);
    }
    given_up_ += count;
    if (!tasks_.spawn(fail(std::move(attempts)))) given_up_ -= count;
  }
}

/// Whether its sender wants it to wait (RFC 4865); then it goes back, whatever made it due.
bool Relay::Impl::not_released(spool::Claim& claim) {
  const auto& envelope = claim.message->envelope;
  const auto release = spool::released(envelope);
  if (release == envelope.received || release <= wall_now()) return false;
  std::vector<spool::Claim> back;
  back.push_back(std::move(claim));
  put_back(std::move(back), release);
  return true;
}

/// Puts the claim back until the site asks for its mail; or gives up what it never asked for and no route leads to.
bool Relay::Impl::keep_waiting(spool::Claim& claim, const RoutingTable::Link& link) {
  if (!link.turned_only && (!link.on_request || links_.running(link.name))) return false;
  const auto& envelope = claim.message->envelope;
  const auto policy = policy_of(mime::domain_of(claim.address));
  const auto retry = with_doubt(policy->retry);
  const auto now = wall_now();
  auto until = expiry(retry, spool::released(envelope), envelope.reverse_path.empty());
  const auto deadline = spool::deadline(envelope);
  // Passed, it has something to say; before that, it is when to come back.
  const bool in_time = !deadline || deadline->at > now || (deadline->notify && claim.delay_notified);
  if (deadline && deadline->at > now) until = std::min(until, deadline->at);
  if (until > now && in_time) {
    std::vector<spool::Claim> waiting;
    waiting.push_back(std::move(claim));
    put_back(std::move(waiting), until);
    return true;
  }
  if (!link.turned_only && in_time) return false;
  std::vector<Attempt> attempts;
  attempts.push_back(local_verdict(std::move(claim), Attempt::Verdict::kTransient, 0, "4.4.7",
                                   "the site did not come for its mail in time"));
  attempts[0].counts = in_time;
  conclude(std::move(attempts), policy->retry);
  return true;
}

/// Of resolved_; `domain` is empty unless MX records decide.
std::string Relay::Impl::resolution_key(const NextHop& next_hop, const std::string& domain, const SitePolicy* policy) {
  auto key = next_hop.site_key() + "|" + domain;
  if (policy != nullptr) key += "|" + policy->match;
  return key;
}

/// `policy` is that of the recipient's domain; null if it has none.
void Relay::Impl::to_site(spool::Claim claim, const NextHop& next_hop, std::shared_ptr<const SitePolicy> policy) {
  const auto domain = next_hop.kind == NextHop::Kind::kMx ? mime::domain_of(claim.address) : std::string();
  auto key = resolution_key(next_hop, domain, policy.get());
  if (const auto found = resolved_.find(key);
      found != resolved_.end() && found->second.expires > std::chrono::steady_clock::now()) {
    offer(*found->second.site, std::move(claim));
    return;
  }
  const auto running = looking_up_.find(key);
  const bool full =
      running == looking_up_.end() ? looking_up_.size() >= kMostLookUps : running->second.size() >= kMostWaitForLookUp;
  if (full || !look_up_budget_.allows(running == looking_up_.end() ? 0 : running->second.size(), 0, 0)) {
    std::vector<spool::Claim> back;
    back.push_back(std::move(claim));
    put_back(std::move(back), wall_time_of(look_up_turns_.next(std::chrono::steady_clock::now(), kLookUpRate, 0)));
    return;
  }
  auto& waiting = looking_up_[key];
  waiting.push_back(std::move(claim));
  look_up_budget_.take(1, 0);
  if (waiting.size() == 1) tasks_.spawn(look_up(std::move(key), next_hop, domain, std::move(policy)));
}

async::Task<void> Relay::Impl::look_up(std::string key, NextHop next_hop, std::string domain,
                                       std::shared_ptr<const SitePolicy> policy) {
  const PhaseTimer looking(Phase::kLookUp);
  const bool by_domain = policy != nullptr;
  const auto generation = generation_;
  auto found = co_await find_hosts(next_hop, domain, (by_domain ? policy : usual_)->families);
  if (!by_domain) {
    policy = found ? policy_of_hosts(found->hosts) : usual_;
    if (found && policy->families != usual_->families) found = co_await find_hosts(next_hop, domain, policy->families);
  }
  looking.done();
  auto claims = std::move(looking_up_[key]);
  looking_up_.erase(key);
  look_up_budget_.give(claims.size(), 0);
  if (generation != generation_) {  // by what holds no longer
    put_back(std::move(claims), {});
    co_return;
  }
  if (!found) {
    const auto& failure = found.error();
    if (failure.ours) {
      note_scarcity(failure.text);
      for (auto& claim : claims)
        put_off(std::move(claim), policy->retry, failure.status, failure.text,
                wall_now() + kScarcityPause + jitter(kScarcitySpread));
      co_return;
    }
    log::warn("relay.unroutable", {{"domain", domain}, {"status", failure.status}, {"reason", failure.text}});
    std::vector<Attempt> attempts;
    attempts.reserve(claims.size());
    for (auto& claim : claims) {
      attempts.push_back(local_verdict(std::move(claim),
                                       failure.permanent ? Attempt::Verdict::kPermanent : Attempt::Verdict::kTransient,
                                       failure.permanent ? 550 : 451, failure.status, failure.text));
    }
    conclude(std::move(attempts), policy->retry);
    co_return;
  }
  // A domain with a policy of its own shares no limits with others.
  Site& target = site(by_domain ? key_for(found->site, *policy) : found->site, next_hop, domain, policy);
  target.set_domain(domain);
  if (!domain.empty()) domain_sites_.set(domain, target.key());
  target.hosts_key = std::move(found->site);
  target.hosts = std::move(found->hosts);
  target.hosts_expire = found->expires;
  if (resolved_.size() > kMostResolved) resolved_.clear();
  resolved_[key] = {&target, found->expires, std::move(found->sts)};
  for (auto& claim : claims) offer(target, std::move(claim));
}

async::Task<std::expected<Candidates, Unroutable>> Relay::Impl::find_hosts(NextHop next_hop, std::string domain,
                                                                           dns::Families families) {
  auto options = options_.lookup;
  options.families = families;
  const auto resolver = names_.resolver();
  co_return co_await find_candidates(*resolver, next_hop, std::move(domain), options);
}

/// What holds for mail for a domain before it is known where it goes.
std::shared_ptr<const SitePolicy> Relay::Impl::policy_of(const std::string& domain) const {
  auto policy = router()->site_policy(domain);
  return policy ? policy : usual_;
}

/// That of the first host that has one.
std::shared_ptr<const SitePolicy> Relay::Impl::policy_of_hosts(const std::vector<Candidate>& hosts) const {
  const auto router = this->router();
  for (const auto& host : hosts)
    if (auto policy = router->site_policy(host.name)) return policy;
  return usual_;
}

/// As the present tables have it.
std::shared_ptr<const SitePolicy> Relay::Impl::renewed_policy(const Site& site) const {
  const auto router = this->router();
  const auto& policies = router->table().site_policies;
  const auto found = policies.find(site.policy().match);
  auto policy = found == policies.end() ? usual_ : found->second;
  return by_transport(site.next_hop().kind) ? with_limits_of(site.next_hop(), *policy) : policy;
}

Site& Relay::Impl::site(const std::string& key, const NextHop& next_hop, const std::string& domain,
                        std::shared_ptr<const SitePolicy> policy) {
  if (by_transport(next_hop.kind)) policy = with_limits_of(next_hop, *policy);
  auto& slot = sites_[key];
  if (!slot) {
    slot = std::make_unique<Site>(key, next_hop, domain, std::move(policy), budget_);
  } else {
    slot->set_next_hop(next_hop);
    if (&slot->policy() != policy.get()) slot->set_policy(std::move(policy));
  }
  return *slot;
}

void Relay::Impl::offer(Site& site, spool::Claim claim) {
  if (anything_withheld() && withheld(claim, mime::domain_of(claim.address), site.key())) return;
  const auto now = std::chrono::steady_clock::now();
  if (site.concurrency().dead() && now < site.concurrency().probe_at()) {
    postpone(site, std::move(claim));
    return;
  }
  if (stopping_ || !site.offer(claim.message, claim)) {
    std::vector<spool::Claim> back;
    back.push_back(std::move(claim));
    put_back(std::move(back), stopping_ ? wall_now() : wall_time_of(site.turn(now)));
    return;
  }
  open_connections(site);
}

/// For a dead site: until its probe.
void Relay::Impl::postpone(Site& site, spool::Claim claim) {
  site.note_deferred(claim);
  put_off(std::move(claim), site.policy().retry, "4.4.1", site.last_failure,
          wall_time_of(site.concurrency().probe_at()) + jitter(kProbeSpread));
}

/// Without an attempt. But time goes on for the message, too.
void Relay::Impl::put_off(spool::Claim claim, const RetrySchedule& usual, std::string status, std::string why,
                          WallTime until) {
  const auto retry = with_doubt(usual);
  std::vector<Attempt> attempts;
  attempts.push_back(
      local_verdict(std::move(claim), Attempt::Verdict::kTransient, 0, std::move(status), std::move(why)));
  attempts[0].counts = false;
  if (says_something(attempts[0], options_, retry, wall_now())) {
    conclude(std::move(attempts), usual);
    return;
  }
  std::vector<spool::Claim> back;
  back.push_back(std::move(attempts[0].claim));
  // Not beyond its lifetime or the sender's deadline: then its sender is told.
  const auto& envelope = back[0].message->envelope;
  auto due = std::min(until, expiry(retry, spool::released(envelope), envelope.reverse_path.empty()));
  if (const auto deadline = spool::deadline(envelope); deadline && deadline->at > wall_now())
    due = std::min<WallTime>(due, deadline->at);
  put_back(std::move(back), due);
}

void Relay::Impl::open_connections(Site& site) {
  while (!stopping_ && !site.in_line && site.wants_connection(std::chrono::steady_clock::now())) {
    if (open_connection(site)) continue;
    if (may_connect()) return;
    site.in_line = true;
    in_line_.push_back(site.key());
    end_an_idle_connection();
  }
  look_after(site);
}

/// Comes back to the site when its rate lets something go on.
void Relay::Impl::look_after(Site& site) {
  const auto held = site.held(std::chrono::steady_clock::now());
  if (held.why != Site::Wait::kMessageRate && held.why != Site::Wait::kConnectionRate) return;
  if (site.looked_after && *site.looked_after <= held.until) return;
  site.looked_after = held.until;
  const bool first = looked_after_.empty() || held.until < looked_after_.begin()->first;
  looked_after_.emplace(held.until, site.key());
  if (first) wake_up_->event.set();  // the scheduler sleeps less long than it meant to
}

void Relay::Impl::look_after_sites(SteadyTime now) {
  while (!looked_after_.empty() && looked_after_.begin()->first <= now) {
    const auto entry = looked_after_.extract(looked_after_.begin());
    const auto found = sites_.find(entry.mapped());
    if (found == sites_.end() || found->second->looked_after != entry.key()) continue;
    Site& site = *found->second;
    site.looked_after.reset();
    if (site.ready() != 0) site.work.set();
    open_connections(site);
  }
}

/// One that waits for work sees that others wait for its place.
void Relay::Impl::end_an_idle_connection() {
  if (idle_connections_ == 0) return;
  const auto now = std::chrono::steady_clock::now();
  for (const auto& [key, site] : sites_) {
    if (site->waiting == 0 || (site->ready() != 0 && site->held(now).why != Site::Wait::kMessageRate)) continue;
    site->work.set();
    return;
  }
}

bool Relay::Impl::may_connect() const {
  return connections_ < options_.connections && scarce_until_ <= std::chrono::steady_clock::now();
}

/// A connection could not be opened, or a name not looked up, for want of a descriptor of this host. No site is to
/// blame: they wait in line as they do when all connections are in use.
void Relay::Impl::note_scarcity(const std::string& reason) {
  const auto now = std::chrono::steady_clock::now();
  scarce_until_ = now + kScarcityPause;
  wake_up_->event.set();  // the scheduler sleeps less long than it meant to
  if (now < scarcity_said_again_at_) return;
  scarcity_said_again_at_ = now + kScarcitySaidAgain;
  log::warn("relay.scarce", {{"reason", reason}});
}

bool Relay::Impl::open_connection(Site& site) {
  if (!may_connect()) return false;
  ++site.connections;
  ++connections_;
  site.connecting(std::chrono::steady_clock::now());
  if (tasks_.spawn(connection(site))) return true;
  site.connected();
  --site.connections;
  --connections_;
  return false;
}

/// Its place goes to the site that waits longest, and to this one again only in its turn.
void Relay::Impl::connection_ended(Site& site) {
  --site.connections;
  --connections_;
  serve_line();
  open_connections(site);
}

/// Those that wait for a connection, while there are any left.
void Relay::Impl::serve_line() {
  while (!stopping_ && !in_line_.empty() && may_connect()) {
    const auto next = sites_.find(in_line_.front());
    in_line_.pop_front();
    if (next == sites_.end()) continue;
    next->second->in_line = false;
    open_connections(*next->second);
  }
}

void Relay::Impl::put_back(std::vector<spool::Claim> claims, WallTime due) {
  std::vector<spool::RecipientId> ids;
  ids.reserve(claims.size());
  for (const auto& claim : claims) ids.push_back(claim.id());
  spool_.unclaim(ids, due);
}

void Relay::Impl::forget_idle_sites() {
  const auto now = std::chrono::steady_clock::now();
  // First the pointers, then what they point to: every site that goes is idle.
  std::erase_if(resolved_,
                [now](const auto& entry) { return entry.second.expires <= now || entry.second.site->idle(); });
  std::erase_if(sites_, [now](const auto& entry) { return entry.second->forgettable(now); });
}

}  // namespace quartet::relay
