#include "common/relay/links.h"

#include <algorithm>

namespace quartet::relay {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// A start that cannot empty its queue (the site is not there after all) does not stay open for ever.
constexpr auto kLongestRun = std::chrono::minutes(15);

spool::Filter filter_of(const RoutingTable::Link& link) {
  spool::Filter filter;
  filter.recipient_domains = link.domains;
  filter.states = {spool::State::kQueued, spool::State::kActive, spool::State::kDeferred};
  return filter;
}

}  // namespace

Links::Links(spool::Spool& spool, std::filesystem::path directory)
    : spool_(spool), pauses_(std::move(directory), "paused-links") {}

std::uint64_t Links::pending(const RoutingTable::Link& link) const { return spool_.count(filter_of(link)); }

spool::Filter Links::waiting(const RoutingTable::Link& link) {
  auto filter = filter_of(link);
  filter.states = {spool::State::kQueued, spool::State::kDeferred};
  return filter;
}

/// How long it has to wait for its next start; under the mutex.
milliseconds Links::too_soon(const RoutingTable::Link& link) const {
  const auto begun = begun_.find(link.name);
  if (begun == begun_.end()) return milliseconds(0);
  const auto left = begun->second + link.min_interval - steady_clock::now();
  return std::max(std::chrono::ceil<milliseconds>(left), milliseconds(0));
}

StartAnswer Links::start(const RoutingTable::Link& link, bool at_once, const std::function<void()>& before_due) {
  using Kind = StartAnswer::Kind;
  const auto waiting_now = pending(link);
  bool fresh = true;
  {
    const std::lock_guard lock(mutex_);
    // Under the lock, as pause() ends what is running: none begins after that.
    if (pause_of(link.name)) return {Kind::kPaused, waiting_now, link.name};
    if (waiting_now == 0) {
      running_.erase(link.name);
      return {Kind::kNothing, 0, link.name};
    }
    if (link.turned_only && !attached_.contains(link.name)) return {Kind::kUnable, waiting_now, link.name};
    const auto now = steady_clock::now();
    const auto wait = at_once ? milliseconds(0) : too_soon(link);
    const auto known = running_.find(link.name);
    fresh = known == running_.end();
    if (fresh && wait.count() > 0) return {Kind::kTooSoon, waiting_now, link.name, wait};
    auto& run = fresh ? running_[link.name] : known->second;
    run.asked = now;
    if (!fresh && !at_once && now - run.made_due < link.min_interval) {
      run.asked_since = true;
      return {Kind::kAlreadyRunning, waiting_now, link.name};
    }
    run.made_due = now;
    run.asked_since = false;
    if (fresh) begun_[link.name] = now;
  }
  // Also while a start is running: what was put off since then is asked for as well.
  before_due();
  spool_.retry_now(waiting(link));
  return {fresh ? Kind::kStarted : Kind::kAlreadyRunning, waiting_now, link.name};
}

StartAnswer Links::may_turn(const RoutingTable::Link& link) const {
  using Kind = StartAnswer::Kind;
  if (pause_of(link.name)) return {Kind::kPaused, 0, link.name};
  const std::lock_guard lock(mutex_);
  const auto wait = too_soon(link);
  return {wait.count() > 0 ? Kind::kTooSoon : Kind::kStarted, 0, link.name, wait};
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
    if (!empty) make_due_again(link);
    const std::lock_guard lock(mutex_);
    const auto run = running_.find(link.name);
    if (run == running_.end()) continue;
    if (empty || steady_clock::now() - run->second.asked > kLongestRun) running_.erase(run);
  }
  const std::lock_guard lock(mutex_);
  // A link that new tables do not have any more is not served.
  const auto gone = [&links](const auto& entry) {
    return std::ranges::none_of(links, [&entry](const auto& link) { return link.name == entry.first; });
  };
  std::erase_if(running_, gone);
  std::erase_if(begun_, gone);
  return !running_.empty();
}

/// For who asked while it was too soon.
void Links::make_due_again(const RoutingTable::Link& link) {
  {
    const std::lock_guard lock(mutex_);
    const auto run = running_.find(link.name);
    const auto now = steady_clock::now();
    if (run == running_.end() || !run->second.asked_since || now - run->second.made_due < link.min_interval) return;
    run->second.made_due = now;
    run->second.asked_since = false;
  }
  spool_.retry_now(waiting(link));
}

void Links::attach(const std::string& link) {
  const std::lock_guard lock(mutex_);
  ++attached_[link];
  begun_[link] = steady_clock::now();
}

void Links::detach(const std::string& link) {
  const std::lock_guard lock(mutex_);
  if (const auto found = attached_.find(link); found != attached_.end() && --found->second == 0) attached_.erase(found);
}

bool Links::attached(const std::string& link) const {
  const std::lock_guard lock(mutex_);
  return attached_.contains(link);
}

std::expected<void, std::string> Links::pause(Suspension pause) {
  const auto name = pause.destination;
  if (auto added = pauses_.add(std::move(pause)); !added) return std::unexpected(std::move(added.error()));
  const std::lock_guard lock(mutex_);
  running_.erase(name);
  return {};
}

std::expected<bool, std::string> Links::resume(const std::string& link) {
  auto removed = pauses_.remove(link);
  if (!removed) return std::unexpected(std::move(removed.error()));
  return removed->has_value();
}

std::vector<LinkStatus> Links::status(const std::vector<RoutingTable::Link>& links) const {
  std::vector<LinkStatus> out;
  for (const auto& link : links)
    out.push_back(
        {link.name, link.domains, pending(link), running(link.name), attached(link.name), pause_of(link.name)});
  return out;
}

}  // namespace quartet::relay
