#include "common/relay/site.h"
#include "common/mime/idna.h"

#include <algorithm>
#include <utility>

namespace quartet::relay {
namespace {

constexpr auto kLongestTurn = std::chrono::seconds(60);
constexpr auto kLongestTurnAtARate = std::chrono::minutes(10);  // the pace is known and will not grow
constexpr auto kShortestTurn = std::chrono::milliseconds(50);
constexpr auto kPassedOver = std::chrono::hours(1);  // longer than the first retries take to come
constexpr std::size_t kMostDomains = 10'000;
constexpr std::chrono::duration<double> kPaceWindow = std::chrono::seconds(1);
constexpr std::chrono::duration<double> kReadyAtARate = std::chrono::minutes(1);
constexpr std::size_t kLeastReady = 16;
constexpr double kEager = 1.25;  // turns are given that much faster than the site's pace
constexpr std::size_t kEnoughToMeasure = 10;
constexpr double kGuess = 100;  // recipients a second, for a site of which less is known

using Seconds = std::chrono::duration<double>;

/// No more is ready than goes out in a minute: the rest can wait in the spool's index.
std::size_t most_ready(const SitePolicy& policy) {
  const auto most = policy.limits.ready_recipients;
  if (!policy.message_rate) return most;
  const auto soon = policy.message_rate->per_second() * kReadyAtARate.count();
  return soon < static_cast<double>(most) ? std::max(kLeastReady, static_cast<std::size_t>(soon)) : most;
}

}  // namespace

SteadyTime Turns::next(SteadyTime now, double rate, std::size_t ahead, std::chrono::seconds longest) {
  const auto each = Seconds(1 / std::max(rate, 1e-4));
  const auto wait = [&](double turns) {
    return std::chrono::duration_cast<SteadyTime::duration>(std::min(Seconds(longest), each * turns));
  };
  const auto latest = now + longest;
  const auto soonest = now + wait(static_cast<double>(ahead));
  last_ = std::min<SteadyTime>(latest, std::max({last_ + wait(1), soonest, now + kShortestTurn}));
  return last_;
}

Site::Site(std::string key, NextHop next_hop, std::string domain, std::shared_ptr<const SitePolicy> policy,
           Budget& budget)
    : key_(std::move(key)),
      next_hop_(std::move(next_hop)),
      domain_(std::move(domain)),
      policy_(std::move(policy)),
      concurrency_(policy_->limits.concurrency),
      ready_(most_ready(*policy_), policy_->limits.ready_bytes, budget),
      message_rate_(policy_->message_rate),
      connection_rate_(policy_->connection_rate) {}

std::string key_for(const std::string& hosts, const SitePolicy& policy) { return hosts + "|for " + policy.match; }

void Site::set_policy(std::shared_ptr<const SitePolicy> policy) {
  policy_ = std::move(policy);
  concurrency_.set_limits(policy_->limits.concurrency);
  ready_.set_limits(most_ready(*policy_), policy_->limits.ready_bytes);
  message_rate_.set_rate(policy_->message_rate);
  connection_rate_.set_rate(policy_->connection_rate);
}

bool Site::offer(const std::shared_ptr<const spool::Message>& message, spool::Claim& recipient) {
  if (ready_.empty()) busy_since_.reset();
  if (!ready_.offer(message, recipient, policy_->limits.recipients_per_transaction)) return false;
  work.set();
  return true;
}

std::optional<Job> Site::take(SteadyTime now) {
  if (ready_.empty() || !message_rate_.allows(now)) {
    work.reset();  // it may have been set to wake those who wait
    return std::nullopt;
  }
  message_rate_.take(now);
  auto job = ready_.take();
  if (ready_.empty()) work.reset();
  return job;
}

void Site::untake(Job job) {
  ready_.untake(std::move(job));
  work.set();
}

SteadyTime Site::turn(SteadyTime now) {
  if (!busy_since_) busy_since_ = now;
  // Who has ended none for long does not take them faster than that, whatever it did before.
  const Seconds silent = now - *busy_since_;
  const auto pace = silent < kPaceWindow ? pace_ : std::min(pace_, static_cast<double>(done_ + 1) / silent.count());
  if (!message_rate_.rate()) return turns_.next(now, kEager * pace, ready_.recipients(), kLongestTurn);
  const auto most = message_rate_.rate()->per_second();
  return turns_.next(now, std::min(kEager * pace, most), ready_.recipients(), kLongestTurnAtARate);
}

void Site::note_done(std::size_t recipients, SteadyTime now) {
  if (ready_.empty()) return ran_dry(recipients, now);
  if (!busy_since_) busy_since_ = now;
  done_ += recipients;
  const Seconds elapsed = now - *busy_since_;
  if (elapsed < kPaceWindow) return;
  // The longer it was looked at, the less counts what was known before.
  const auto weight = std::min(1.0, elapsed / (2 * kPaceWindow));
  pace_ = (1 - weight) * pace_ + weight * static_cast<double>(done_) / elapsed.count();
  done_ = 0;
  busy_since_ = now;
}

/// What follows is waiting for work: no measure of the site. But if it waits for those that have a turn later, it is
/// quicker than was thought.
void Site::ran_dry(std::size_t recipients, SteadyTime now) {
  const auto done = std::exchange(done_, 0) + recipients;
  const auto since = std::exchange(busy_since_, std::nullopt);
  if (!turns_.pending(now)) return;
  const Seconds elapsed = since ? now - *since : Seconds(0);
  const bool measured = done >= kEnoughToMeasure && elapsed > Seconds(0);
  pace_ = std::max(pace_, measured ? static_cast<double>(done) / elapsed.count() : std::min(2 * pace_, kGuess));
  turns_ = {};
}

std::vector<Job> Site::take_all() {
  std::vector<Job> jobs;
  while (auto job = ready_.take()) jobs.push_back(*std::move(job));
  work.reset();
  return jobs;
}

void Site::note_deferred(const spool::Claim& claim) {
  if (deferred_domains_.size() < kMostDomains) deferred_domains_.insert(mime::domain_of(claim.address));
}

bool Site::pass_over(const net::Address& host, SteadyTime now) {
  std::erase_if(passed_over_, [now](const auto& entry) { return entry.second <= now; });
  passed_over_[host.to_string()] = now + kPassedOver;
  return !std::ranges::all_of(hosts, [this, now](const Candidate& other) { return passed_over(other, now); });
}

bool Site::passed_over(const Candidate& host, SteadyTime now) const {
  const auto found = passed_over_.find(host.address.to_string());
  return found != passed_over_.end() && found->second > now;
}

std::vector<Candidate> Site::hosts_in_order(SteadyTime now) const {
  std::vector<Candidate> out;
  for (const bool later : {false, true})
    for (const auto& host : hosts)
      if (passed_over(host, now) == later) out.push_back(host);
  return out;
}

void Site::connecting(SteadyTime now) {
  connection_rate_.take(now);
  ++opening_;
}

bool Site::forgettable(SteadyTime now) const {
  return idle() && !concurrency_.dead() && message_rate_.full(now) && connection_rate_.full(now);
}

bool Site::wants_connection(SteadyTime now) const {
  if (!dials || ready_.jobs() <= waiting + opening_ || connections >= concurrency_.allowed(now)) return false;
  if (!connection_rate_.allows(now)) return false;
  // At a rate, none is opened for more than it allows now.
  return waiting + opening_ < message_rate_.available(now);
}

Site::Held Site::held(SteadyTime now) const {
  if (concurrency_.dead() && now < concurrency_.probe_at()) return {Wait::kProbe, concurrency_.probe_at()};
  if (ready_.empty()) return {};
  if (!message_rate_.allows(now)) return {Wait::kMessageRate, message_rate_.next()};
  if (in_line) return {Wait::kPlace, {}};
  if (dials && waiting == 0 && connections < concurrency_.allowed(now) && !connection_rate_.allows(now))
    return {Wait::kConnectionRate, connection_rate_.next()};
  return {};
}

}  // namespace quartet::relay
