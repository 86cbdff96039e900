#include "common/relay/links.h"

#include <algorithm>

namespace quartet::relay {
namespace {

/// A start that cannot empty its queue (the site is not there after all) does not stay open for ever.
constexpr auto kLongestRun = std::chrono::minutes(15);

spool::Filter filter_of(const RoutingTable::Link& link) {
  spool::Filter filter;
  filter.recipient_domains = link.domains;
  filter.states = {spool::State::kQueued, spool::State::kActive, spool::State::kDeferred};
  return filter;
}

}  // namespace

std::uint64_t Links::pending(const RoutingTable::Link& link) const { return spool_.count(filter_of(link)); }

StartAnswer Links::start(const RoutingTable::Link& link) {
  const auto waiting = pending(link);
  bool fresh = true;
  {
    const std::lock_guard lock(mutex_);
    if (waiting == 0) {
      running_.erase(link.name);
      return {StartAnswer::Kind::kNothing, 0, link.name};
    }
    if (link.turned_only && !attached_.contains(link.name)) return {StartAnswer::Kind::kUnable, waiting, link.name};
    const auto [run, inserted] = running_.try_emplace(link.name);
    run->second = std::chrono::steady_clock::now();
    fresh = inserted;
  }
  // Also while a start is running: what was put off since then is asked for as well.
  auto due = filter_of(link);
  due.states = {spool::State::kQueued, spool::State::kDeferred};
  spool_.retry_now(due);
  return {fresh ? StartAnswer::Kind::kStarted : StartAnswer::Kind::kAlreadyRunning, waiting, link.name};
}

bool Links::running(const std::string& link) const {
  const std::lock_guard lock(mutex_);
  return running_.contains(link);
}

bool Links::settle(const std::vector<RoutingTable::Link>& links) {
  {
    const std::lock_guard lock(mutex_);
    if (running_.empty()) return false;
  }
  for (const auto& link : links) {
    if (!running(link.name)) continue;
    const bool empty = pending(link) == 0;
    const std::lock_guard lock(mutex_);
    const auto run = running_.find(link.name);
    if (run == running_.end()) continue;
    if (empty || std::chrono::steady_clock::now() - run->second > kLongestRun) running_.erase(run);
  }
  const std::lock_guard lock(mutex_);
  // A link that new tables do not have any more is not served.
  std::erase_if(running_, [&](const auto& run) {
    return std::ranges::none_of(links, [&](const auto& link) { return link.name == run.first; });
  });
  return !running_.empty();
}

void Links::attach(const std::string& link) {
  const std::lock_guard lock(mutex_);
  ++attached_[link];
}

void Links::detach(const std::string& link) {
  const std::lock_guard lock(mutex_);
  if (const auto found = attached_.find(link); found != attached_.end() && --found->second == 0) attached_.erase(found);
}

bool Links::attached(const std::string& link) const {
  const std::lock_guard lock(mutex_);
  return attached_.contains(link);
}

std::vector<LinkStatus> Links::status(const std::vector<RoutingTable::Link>& links) const {
  std::vector<LinkStatus> out;
  for (const auto& link : links)
    out.push_back({link.name, link.domains, pending(link), running(link.name), attached(link.name)});
  return out;
}

}  // namespace quartet::relay
