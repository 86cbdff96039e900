#include "mta/upstreams.h"

#include <algorithm>
#include <random>

#include "common/base/check.h"
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
  async::Event wake;  // the loop's: somebody wants a request now
};

Upstreams::Upstreams(async::Loop& loop, std::vector<Upstream> upstreams, Ask ask, Pace pace)
    : loop_(loop), ask_(std::move(ask)), pace_(pace) {
  for (auto& upstream : upstreams) {
    auto& entry = *entries_.emplace_back(std::make_unique<Entry>());
    entry.status.name = upstream.name;
    entry.status.domains = upstream.domains;
    entry.upstream = std::move(upstream);
  }
}

Upstreams::~Upstreams() { QUARTET_CHECK(keepers_ == nullptr); }

void Upstreams::start() {
  service::call_on(loop_, [this] {
    keepers_ = std::make_unique<async::TaskGroup>();
    closing_ = std::make_unique<async::TaskGroup>();
    for (const auto& entry : entries_) keepers_->spawn(keep(*entry));
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

async::Task<void> Upstreams::keep(Entry& entry) {
  const auto every = entry.upstream.every;
  auto due = async::Deadline::never();
  if (entry.upstream.at_start)
    due = async::Deadline::after(milliseconds(0));
  else if (every.count() != 0)
    due = async::Deadline::after(about(every));
  for (;;) {
    const auto waited = co_await entry.wake.wait(due);
    if (waited == async::Wait::kCancelled || stopping_) co_return;
    {
      const std::lock_guard lock(mutex_);
      entry.status.state = State::kAsking;
      entry.status.next.reset();
    }
    const auto begun = steady_clock::now();
    const auto before = entry.progress.received.load();
    auto asked = co_await ask_(entry.upstream, entry.progress);
    entry.progress.receiving = false;
    const bool good = entry.progress.received.load() != before || steady_clock::now() - begun >= pace_.good_connection;
    due = this->ended(entry, std::move(asked), good);
    // Who triggered meanwhile has joined this request.
    entry.wake.reset();
    if (stopping_) co_return;
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
      loop_.post([&entry = *entry] { entry.wake.set(); });
    }
    return entry->status.runs + 1;
  }
  return std::nullopt;
}

}  // namespace quartet::mta
