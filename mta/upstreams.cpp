#include "mta/upstreams.h"

#include <algorithm>
#include <random>
#include <utility>

#include "common/base/ascii.h"
#include "common/base/check.h"
#include "common/base/scope.h"
#include "common/log/log.h"
#include "common/service/call_on.h"

namespace quartet::mta {

using State = relay::UpstreamStatus::State;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct Upstreams::Entry {
  Upstream upstream;
  relay::UpstreamStatus status;  // under the mutex, without what progress has
  Progress progress;
  // The loop's:
  async::Event wake;                  // somebody wants a request now, or it is retired
  async::Event over;                  // retired, and its last request has ended
  bool retired = false;               // it is not wanted any more
  std::optional<SteadyTime> ended{};  // the last request
};

Upstreams::EntryPtr Upstreams::make_entry(Upstream upstream) {
  auto entry = std::make_shared<Entry>();
  entry->status.name = upstream.name;
  entry->status.domains = upstream.domains;
  entry->upstream = std::move(upstream);
  return entry;
}

Upstreams::Upstreams(async::Loop& loop, std::vector<Upstream> upstreams, Ask ask, Pace pace)
    : loop_(loop), ask_(std::move(ask)), pace_(pace) {
  for (auto& upstream : upstreams) entries_.push_back(make_entry(std::move(upstream)));
}

Upstreams::~Upstreams() { QUARTET_CHECK(keepers_ == nullptr); }

void Upstreams::start() {
  service::call_on(loop_, [this] {
    keepers_ = std::make_unique<async::TaskGroup>();
    closing_ = std::make_unique<async::TaskGroup>();
    for (const auto& entry : entries_) keepers_->spawn(keep(entry, nullptr));
  });
}

void Upstreams::set(std::vector<Upstream> upstreams) {
  service::call_on(loop_, [this, &upstreams] {
    std::vector<EntryPtr> entries;
    std::vector<std::pair<EntryPtr, EntryPtr>> fresh;  // with its predecessor
    const std::lock_guard lock(mutex_);
    for (auto& upstream : upstreams) {
      const auto known = std::ranges::find(entries_, upstream.name, [](const auto& one) { return one->upstream.name; });
      const auto before = known != entries_.end() ? *known : nullptr;
      if (before && before->upstream.source == upstream.source) {
        entries.push_back(before);
        continue;
      }
      fresh.emplace_back(entries.emplace_back(make_entry(std::move(upstream))), before);
    }
    for (const auto& entry : entries_) {
      if (std::ranges::find(entries, entry) != entries.end()) continue;
      entry->retired = true;
      entry->wake.set();
    }
    entries_ = std::move(entries);
    for (auto& [entry, before] : fresh) keepers_->spawn(keep(std::move(entry), std::move(before)));
  });
}

async::Task<void> Upstreams::close(std::chrono::seconds grace, std::promise<void>& ended) {
  co_await keepers_->join(async::Deadline::after(grace));
  co_await keepers_->close();
  ended.set_value();
}

void Upstreams::stop(std::chrono::seconds grace) {
  if (!keepers_) return;
  std::promise<void> ended;
  service::call_on(loop_, [&] {
    stopping_ = true;
    for (const auto& entry : entries_) entry->wake.set();
    closing_->spawn(close(grace, ended));
  });
  ended.get_future().wait();
  // A turn of the loop later the tasks themselves are gone.
  service::call_on(loop_, [this] {
    keepers_.reset();
    closing_.reset();
  });
}

async::Task<void> Upstreams::keep(EntryPtr entry, EntryPtr predecessor) {
  const ScopeExit over([&entry] { entry->over.set(); });
  if (predecessor) co_await predecessor->over.wait_uncancellable();
  predecessor.reset();
  const auto every = entry->upstream.every;
  auto due = async::Deadline::never();
  if (entry->upstream.at_start)
    due = async::Deadline::after(milliseconds(0));
  else if (every.count() != 0)
    due = async::Deadline::after(about(every));
  for (;;) {
    const auto waited = co_await entry->wake.wait(due);
    if (waited == async::Wait::kCancelled || stopping_ || entry->retired) co_return;
    {
      const std::lock_guard lock(mutex_);
      entry->status.state = State::kAsking;
      entry->status.next.reset();
    }
    const auto begun = steady_clock::now();
    const auto before = entry->progress.received.load();
    auto asked = co_await ask_(entry->upstream, entry->progress);
    entry->progress.receiving = false;
    entry->ended = steady_clock::now();
    const bool good = entry->progress.received.load() != before || *entry->ended - begun >= pace_.good_connection;
    due = this->ended(*entry, std::move(asked), good);
    if (stopping_ || entry->retired) co_return;
    // Who triggered meanwhile has joined this request.
    entry->wake.reset();
  }
}

void Upstreams::connected(const std::string& host) {
  const auto now = steady_clock::now();
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) {
    const auto& upstream = entry->upstream;
    const auto state = entry->status.state;
    if (!upstream.on_outbound || !ascii::iequals(upstream.hop.hosts.front().name, host)) continue;
    if (state == State::kAsking || state == State::kStopped) continue;
    if (entry->ended && now - *entry->ended < pace_.after_outbound) continue;
    entry->status.state = State::kAsking;
    entry->wake.set();
  }
}

milliseconds Upstreams::about(milliseconds time) const {
  thread_local std::minstd_rand random(std::random_device{}());
  std::uniform_real_distribution<double> spread(1 - pace_.jitter, 1 + pace_.jitter);
  return std::chrono::duration_cast<milliseconds>(time * spread(random));
}

async::Deadline Upstreams::ended(Entry& entry, Asked asked, bool good) {
  using Kind = Asked::Kind;
  std::optional<milliseconds> pause;
  if (entry.upstream.every.count() != 0) pause = about(entry.upstream.every);
  const bool failure = asked.kind == Kind::kFailed || asked.kind == Kind::kStopped;
  if (failure || log::enabled(log::Level::kInfo))
    log::write(failure ? log::Level::kWarn : log::Level::kInfo, "mta.upstream_asked",
               {{"upstream", entry.upstream.name},
                {"method", asked.method},
                {"code", asked.code},
                {"reply", asked.text},
                {"received", entry.progress.received.load()}});
  const std::lock_guard lock(mutex_);
  auto& status = entry.status;
  ++status.runs;
  status.failures = !failure ? 0 : good ? 1 : status.failures + 1;
  status.state = State::kIdle;
  if (asked.kind == Kind::kStopped) {
    status.state = State::kStopped;
    pause.reset();
  } else if (asked.kind == Kind::kFailed) {
    status.state = State::kBackingOff;
    const auto doubled = pace_.first_pause * (1LL << std::min(status.failures - 1, 20U));
    pause = about(std::min<milliseconds>(doubled, pace_.longest_pause));
  }
  if (!asked.method.empty()) status.method = std::move(asked.method);
  status.code = asked.code;
  status.text = std::move(asked.text);
  status.next.reset();
  if (!pause) return async::Deadline::never();
  status.next = wall_now() + *pause;
  return async::Deadline::after(*pause);
}

std::vector<relay::UpstreamStatus> Upstreams::upstreams() const {
  std::vector<relay::UpstreamStatus> out;
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) {
    auto& status = out.emplace_back(entry->status);
    status.received = entry->progress.received.load();
    if (status.state == State::kAsking && entry->progress.receiving.load()) status.state = State::kReceiving;
  }
  return out;
}

std::optional<std::uint64_t> Upstreams::trigger(const std::string& name) {
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) {
    if (entry->status.name != name) continue;
    if (entry->status.state != State::kAsking) {
      entry->status.state = State::kAsking;
      loop_.post([entry] { entry->wake.set(); });
    }
    return entry->status.runs + 1;
  }
  return std::nullopt;
}

}  // namespace quartet::mta
