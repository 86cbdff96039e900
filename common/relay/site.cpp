#include "common/relay/site.h"

#include <algorithm>

namespace quartet::relay {
namespace {

constexpr auto kLongestTurn = std::chrono::seconds(60);
constexpr auto kShortestTurn = std::chrono::milliseconds(50);
constexpr auto kRateWindow = std::chrono::seconds(1);
constexpr std::size_t kMostDomains = 10'000;

}  // namespace

SteadyTime Turns::next(SteadyTime now, double rate, std::size_t ahead) {
  const auto each = std::chrono::duration<double>(1 / std::max(rate, 0.1));
  const auto wait = [&](double turns) { return std::chrono::duration_cast<SteadyTime::duration>(each * turns); };
  const auto latest = now + kLongestTurn;
  const auto soonest = ahead > 600'000 ? latest : std::min(latest, now + wait(static_cast<double>(ahead)));
  last_ = std::min(latest, std::max({last_ + wait(1), soonest, now + kShortestTurn}));
  return last_;
}

bool Budget::allows(std::size_t recipients, std::uint64_t bytes, std::uint64_t more) const {
  const auto free_recipients = recipients_ - std::min(recipients_, used_recipients_);
  const auto free_bytes = bytes_ - std::min(bytes_, used_bytes_);
  // One message larger than all there is goes alone.
  const bool fits = more == 0 || bytes + more <= free_bytes || used_bytes_ == 0;
  return recipients < free_recipients && fits;
}

void Budget::take(std::size_t recipients, std::uint64_t bytes) {
  used_recipients_ += recipients;
  used_bytes_ += bytes;
}

void Budget::give(std::size_t recipients, std::uint64_t bytes) {
  used_recipients_ -= recipients;
  used_bytes_ -= bytes;
}

bool Site::offer(const std::shared_ptr<const spool::Message>& message, spool::Claim& recipient) {
  if (ready_recipients_ >= limits_.ready_recipients) return false;
  // Recipients of one message are claimed one after another, so only the last job can be theirs.
  const bool joins = !ready_.empty() && ready_.back().message == message &&
                     ready_.back().recipients.size() < limits_.recipients_per_transaction;
  if (!joins && ready_bytes_ > 0 && ready_bytes_ + message->size > limits_.ready_bytes) return false;
  const auto bytes = joins ? 0 : message->size;
  if (!budget_.allows(ready_recipients_, ready_bytes_, bytes)) return false;
  if (!joins) ready_.push_back({message, {}});
  ready_.back().recipients.push_back(std::move(recipient));
  ++ready_recipients_;
  ready_bytes_ += bytes;
  budget_.take(1, bytes);
  work.set();
  return true;
}

void Site::count(const Job& job) {
  ready_recipients_ += job.recipients.size();
  ready_bytes_ += job.message->size;
  budget_.take(job.recipients.size(), job.message->size);
}

void Site::discount(const Job& job) {
  ready_recipients_ -= job.recipients.size();
  ready_bytes_ -= job.message->size;
  budget_.give(job.recipients.size(), job.message->size);
}

std::optional<Job> Site::take() {
  if (ready_.empty()) {
    work.reset();  // it may have been set to wake those who wait
    return std::nullopt;
  }
  auto job = std::move(ready_.front());
  ready_.pop_front();
  discount(job);
  if (ready_.empty()) work.reset();
  return job;
}

void Site::untake(Job job) {
  count(job);
  ready_.push_front(std::move(job));
  work.set();
}

void Site::note_done(std::size_t recipients, SteadyTime now) {
  if (ready_.empty()) {  // what follows is waiting for work: no measure of the site
    done_ = 0;
    return;
  }
  if (done_ == 0) done_since_ = now;
  done_ += recipients;
  const auto elapsed = now - done_since_;
  if (elapsed < kRateWindow) return;
  rate_ = (rate_ + static_cast<double>(done_) / std::chrono::duration<double>(elapsed).count()) / 2;
  done_ = 0;
}

std::vector<Job> Site::take_all() {
  std::vector<Job> jobs;
  while (auto job = take()) jobs.push_back(*std::move(job));
  return jobs;
}

void Site::note_deferred(const spool::Claim& claim) {
  if (deferred_domains_.size() < kMostDomains) deferred_domains_.insert(domain_of(claim.address));
}

bool Site::wants_connection(SteadyTime now) const {
  return dials && ready_.size() > waiting && connections < concurrency_.allowed(now);
}

}  // namespace quartet::relay
