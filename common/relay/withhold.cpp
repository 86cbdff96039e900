// What an operator suspended or paused: it is put back until that ends, and dead sites are let off early.
#include "common/log/log.h"
#include "common/mime/idna.h"
#include "common/relay/impl.h"
#include "common/spool/handling.h"

namespace quartet::relay {
namespace {

/// When a recipient that is put off until `until` has to be looked at: its message may expire before, or its sender be
/// due a notice of the delay.
WallTime look_again(const spool::Claim& claim, const Options& options, const RetrySchedule& retry, WallTime now,
                    WallTime until) {
  const auto& envelope = claim.message->envelope;
  until = std::min(until, expiry(retry, spool::released(envelope), envelope.reverse_path.empty()));
  const auto notice = spool::released(envelope) + options.notices.delay_after;
  if (options.notices.delay_after.count() > 0 && !claim.delay_notified && notice > now) until = std::min(until, notice);
  return until;
}

}  // namespace

/// True: it is put back. `site` is empty while it is not known where the mail would go.
bool Relay::Impl::withheld(spool::Claim& claim, const std::string& domain, const std::string& site) {
  const auto now = wall_now();
  auto until = suspensions_.withhold(domain, site, now);
  // RFC 3463 section 3.4, X.3.2; why it is so is nobody's business but the operator's.
  const auto* why = "delivery to this destination is suspended for now";
  // An operator's own next hop leads past links.
  if (!until && links_.any_paused() && claim.next_hop.empty()) {
    const auto tables = router();
    const auto* link = tables->link_of(domain);
    const auto pause = link != nullptr ? links_.pause_of(link->name) : std::nullopt;
    if (!pause) return false;
    if (keep_waiting(claim, *link)) return true;
    until = pause->until;
    why = "delivery to this site is paused for now";
  }
  if (!until) return false;
  const auto policy = policy_of(domain);
  const auto& retry = policy->retry;
  const auto again = look_again(claim, options_, retry, now, *until);
  put_off(std::move(claim), retry, "4.3.2", why, again);
  return true;
}

/// After a suspension or a pause began: what is claimed and not under way goes the way of what comes later.
void Relay::Impl::withhold_ready() {
  std::vector<Site*> sites;
  for (const auto& [key, site] : sites_) sites.push_back(site.get());
  for (auto* site : sites) {
    for (auto& job : site->take_all()) {
      if (!site->dials) {
        put_back(std::move(job.recipients), {});
        continue;
      }
      for (auto& claim : job.recipients) offer(*site, std::move(claim));
    }
    site->work.set();  // an idle connection sees that it is not wanted any more
  }
}

/// Without what was suspended, or came under a rule, after it had been taken and put back (Site::untake()).
std::optional<Job> Relay::Impl::next_job(Site& site) {
  while (auto job = site.take(std::chrono::steady_clock::now())) {
    if (!anything_withheld() && !rules_.any()) return job;
    std::vector<spool::Claim> wanted, given_up, elsewhere;
    for (auto& claim : job->recipients) {
      const auto ruling = rules_.any() ? obey_rules(claim, false) : Ruling::kNone;
      if (ruling == Ruling::kSeenTo) continue;
      if (ruling == Ruling::kGivenUp) {
        given_up.push_back(std::move(claim));
      } else if (ruling == Ruling::kElsewhere) {
        elsewhere.push_back(std::move(claim));
      } else if (!withheld(claim, mime::domain_of(claim.address), site.key())) {
        wanted.push_back(std::move(claim));
      }
    }
    give_up(std::move(given_up));
    put_back(std::move(elsewhere), wall_now());
    job->recipients = std::move(wanted);
    if (!job->recipients.empty()) return job;
  }
  return std::nullopt;
}

void Relay::Impl::settle(std::move_only_function<void()> done) {
  if (!runs()) return done();
  wake_up_->post([this, done = std::move(done)]() mutable {
    if (anything_withheld()) withhold_ready();
    done();
  });
}

void Relay::Impl::end_what_is_over() {
  for (const auto& ended : suspensions_.take_ended(wall_now()))
    log::info("relay.suspension_ended", {{"destination", ended.destination}, {"reason", ended.reason}});
  for (const auto& ended : links_.take_ended_pauses()) {
    log::info("relay.pause_ended", {{"link", ended.destination}, {"reason", ended.reason}});
    link_resumed(ended.destination);
  }
}

std::uint64_t Relay::Impl::link_resumed(const std::string& name) {
  const auto tables = router();
  const auto* link = tables->link_named(name);
  // What waits for a request goes on waiting, unless its site is there.
  if (link == nullptr || (link->on_request && !links_.attached(name))) return 0;
  return spool_.retry_now(Links::waiting(*link)).changed;
}

std::uint64_t Relay::Impl::make_due(std::vector<std::string> domains) {
  if (domains.empty()) return 0;
  spool::Filter filter;
  filter.recipient_domains = std::move(domains);
  filter.states = {spool::State::kQueued, spool::State::kDeferred};
  return spool_.retry_now(filter).changed;
}

void Relay::Impl::clear_backoff(std::string site,
                                std::move_only_function<void(std::optional<std::vector<std::string>>)> done) {
  if (!runs()) return done(std::nullopt);
  wake_up_->post([this, key = std::move(site), done = std::move(done)]() mutable {
    const auto found = sites_.find(key);
    if (found == sites_.end()) return done(std::nullopt);
    auto& site = *found->second;
    site.concurrency().revive();
    done(std::vector<std::string>(site.deferred_domains().begin(), site.deferred_domains().end()));
    open_connections(site);
  });
}

}  // namespace quartet::relay
