// Connections that the site of a link opened itself and turned around (RFC 2645): delivery goes over them as over our
// own, except that nobody dials again.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/scope.h"
#include "common/log/log.h"
#include "common/relay/impl.h"
#include "common/smtp/client_session.h"

namespace quartet::relay {
namespace {

constexpr auto kLookForMore = std::chrono::milliseconds(100);
constexpr auto kParting = std::chrono::seconds(3);  // for the transaction of a connection that was replaced
constexpr auto kNoopAnswer = std::chrono::seconds(60);

constexpr std::string_view kReplaced = "its site came over another connection";
constexpr std::string_view kKicked = "the operator ended it";
constexpr std::string_view kPaused = "the operator paused its links";
constexpr std::string_view kNoLink = "its links are not configured any more";

spool::Filter queued_for(const std::vector<std::string>& domains) {
  spool::Filter filter;
  filter.recipient_domains = domains;
  filter.states = {spool::State::kQueued, spool::State::kDeferred};
  return filter;
}

bool share(const std::vector<std::string>& some, const std::vector<std::string>& others) {
  return std::ranges::any_of(some,
                             [&others](const auto& one) { return std::ranges::find(others, one) != others.end(); });
}

using Opened = std::expected<std::unique_ptr<smtp::ClientSession>, smtp::ClientError>;

async::Task<void> open_into(std::unique_ptr<net::Stream> stream, smtp::ClientOptions options, Opened& session) {
  session = co_await smtp::ClientSession::open(std::move(stream), std::move(options));
}

async::Task<void> stop_at(async::Event& event, async::TaskGroup& group) {
  const auto waited = co_await event.wait(async::Deadline::never());
  if (waited == async::Wait::kReady) group.request_stop();
}

/// A site that does not greet us holds up neither the end of the agent, which stops what is in `dialling`, nor an
/// operator who wishes it away.
async::Task<Opened> greeted(std::unique_ptr<net::Stream> stream, smtp::ClientOptions options,
                            net::SessionRecord* record, std::vector<async::TaskGroup*>& dialling) {
  Opened session = std::unexpected(smtp::ClientError());
  async::TaskGroup greeting;
  async::TaskGroup watching;
  dialling.push_back(&greeting);
  greeting.spawn(open_into(std::move(stream), std::move(options), session));
  if (record != nullptr) watching.spawn(stop_at(record->end_wish(), greeting));
  co_await greeting.join();
  co_await watching.close();
  std::erase(dialling, &greeting);
  co_return std::move(session);
}

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ",")); }

}  // namespace

/// One such connection while mail may go over it.
struct Relay::Impl::Turned {
  Site& site;
  const Turn& turn;
  std::string_view ending{};  // why it is to end, if it is: another connection of the site, an operator
  async::TaskGroup delivery{};
  SteadyTime more_until{};  // there was no room for all: by then the rest has been offered again
};

async::Task<void> Relay::Impl::deliver_over(std::unique_ptr<net::Stream> stream, Turn turn) {
  {
    const std::lock_guard lock(wake_up_->mutex);
    if (wake_up_->loop != &async::Loop::current()) co_return;
  }
  async::Event ended;
  if (stopping_ || !tasks_.spawn(turned(std::move(stream), std::move(turn), ended))) co_return;
  co_await ended.wait_uncancellable();
}

async::Task<void> Relay::Impl::turned(std::unique_ptr<net::Stream> stream, Turn turn, async::Event& ended) {
  const ScopeExit end([&ended] { ended.set(); });
  smtp::ClientOptions options;
  options.hostname = options_.hostname;
  options.starttls = smtp::StartTls::kNever;  // it is there, or it was not wanted
  auto session = co_await greeted(std::move(stream), std::move(options), turn.record, dialling_);
  if (!session) {
    log::warn("relay.turn_failed", {{"peer", turn.peer}, {"reason", session.error().detail}});
    co_return;
  }
  Connection connection{*std::move(session), turn.peer, 0};
  NextHop nowhere;
  nowhere.kind = NextHop::Kind::kHosts;
  nowhere.tls = TlsPolicy::kNone;
  Site& site = this->site(fmt::format("turned:{}:{}", joined(turn.links), ++turns_), nowhere, {}, usual_);
  site.dials = false;
  site.connections = 1;
  Turned state{.site = site, .turn = turn};
  co_await replace_older(state);
  attach(state);
  bool usable = false;
  state.delivery.spawn(drive(state, connection, usable));
  async::TaskGroup watching;
  if (turn.record != nullptr) watching.spawn(watch(state, *turn.record));
  co_await state.delivery.join();
  co_await watching.close();
  detach(state);
  if (usable) co_await connection.session->quit();
  log::info("relay.turn_ended", {{"peer", turn.peer},
                                 {"links", joined(turn.links)},
                                 {"transactions", connection.carried},
                                 {"reason", !usable                ? std::string_view(site.last_failure)
                                            : state.ending.empty() ? std::string_view("done")
                                                                   : state.ending}});
  site.connections = 0;
}

/// An operator's wish that the session end: as with replace_older(), what is under way gets a moment.
async::Task<void> Relay::Impl::watch(Turned& state, net::SessionRecord& record) {
  const auto wished = co_await record.end_wish().wait(async::Deadline::never());
  if (wished != async::Wait::kReady) co_return;
  state.ending = kKicked;
  state.site.work.set();
  const auto waited = co_await async::sleep_for(kParting);
  if (waited == async::Wait::kTimedOut) state.delivery.request_stop();
}

/// Who comes again has most likely lost the older connection without our knowing. What is under way there gets a moment
/// to end, so that nothing is sent twice without need; then its mail is free for the new one.
async::Task<void> Relay::Impl::replace_older(const Turned& state) {
  const auto same = [&state](const Turned* other) {
    return share(other->turn.links, state.turn.links) && share(other->turn.domains, state.turn.domains);
  };
  for (auto* other : turned_) {
    if (!same(other)) continue;
    other->ending = kReplaced;
    other->site.work.set();
  }
  for (auto until = async::Deadline::after(kParting);;) {
    turn_over_.reset();
    if (std::ranges::none_of(turned_, same)) co_return;
    const auto waited = co_await turn_over_.wait(until);
    if (waited == async::Wait::kCancelled) co_return;
    if (waited != async::Wait::kTimedOut) continue;
    for (auto* other : turned_) {
      if (same(other)) other->delivery.request_stop();
    }
    until = async::Deadline::never();  // what was stopped ends
  }
}

void Relay::Impl::stop_turned() {
  for (auto* state : turned_) state->delivery.request_stop();
}

/// After new tables came: a connection none of whose links is there any more gets no mail.
void Relay::Impl::end_turns_of_no_link() {
  const auto tables = router();
  for (auto* state : turned_) {
    const auto known = [&tables](const auto& link) { return tables->link_named(link) != nullptr; };
    if (!state->ending.empty() || std::ranges::any_of(state->turn.links, known)) continue;
    state->ending = kNoLink;
    state->site.work.set();
  }
}

void Relay::Impl::attach(Turned& state) {
  log::info("relay.turned", {{"peer", state.turn.peer}, {"links", joined(state.turn.links)}});
  turned_.push_back(&state);
  for (const auto& link : state.turn.links) links_.attach(link);
  spool_.retry_now(queued_for(state.turn.domains));
  wake_up_->event.set();
}

void Relay::Impl::detach(Turned& state) {
  std::erase(turned_, &state);
  turn_over_.set();
  for (const auto& link : state.turn.links) links_.detach(link);
  for (auto& job : state.site.take_all()) put_back(std::move(job.recipients), {});
}

/// The newest connection over which mail for `domain` may go; null if there is none.
Relay::Impl::Turned* Relay::Impl::turned_for(const RoutingTable::Link& link, std::string_view domain) {
  for (auto candidate = turned_.rbegin(); candidate != turned_.rend(); ++candidate) {
    const auto& turn = (*candidate)->turn;
    const bool authorised =
        std::ranges::find(turn.links, link.name) != turn.links.end() &&
        std::ranges::any_of(turn.domains, [domain](const auto& pattern) { return covers(pattern, domain); });
    if (authorised && (*candidate)->ending.empty()) return *candidate;
  }
  return nullptr;
}

void Relay::Impl::offer(Turned& state, spool::Claim claim) {
  if (!stopping_ && state.site.offer(claim.message, claim)) return;
  const auto again = state.site.turn(std::chrono::steady_clock::now());
  state.more_until = std::max(state.more_until, again);
  std::vector<spool::Claim> back;
  back.push_back(std::move(claim));
  put_back(std::move(back), wall_now() + std::chrono::duration_cast<std::chrono::microseconds>(
                                             again - std::chrono::steady_clock::now()));
}

/// Whether the site has mail that the scheduler is about to bring.
bool Relay::Impl::expects_more(const Turned& state, SteadyTime now) const {
  if (now <= state.more_until) return true;
  auto due = queued_for(state.turn.domains);
  due.next_attempt_before = wall_now();
  return spool_.count(due) != 0;
}

/// Delivers until the site's queue is empty and its time to stay is over. Not usable: the connection is broken.
async::Task<void> Relay::Impl::drive(Turned& state, Connection& connection, bool& usable) {
  using std::chrono::steady_clock;
  auto& site = state.site;
  const auto most = connection.session->capabilities().transactions_limit;
  auto busy = steady_clock::now();
  auto heard = busy;
  const auto paused = [this](const auto& link) { return links_.pause_of(link).has_value(); };
  usable = true;
  while (!stopping_ && state.ending.empty() && (most == 0 || connection.carried < most)) {
    if (links_.any_paused() && std::ranges::all_of(state.turn.links, paused)) {
      state.ending = kPaused;
      co_return;
    }
    if (auto job = next_job(site)) {
      usable = co_await deliver(site, connection, *std::move(job));
      ++connection.carried;
      if (!usable) co_return;
      busy = heard = steady_clock::now();
      continue;
    }
    site.work.reset();
    const auto now = steady_clock::now();
    const bool more = expects_more(state, now);
    if (more) busy = now;
    if (!more && now - busy >= state.turn.stay) co_return;
    const auto next = more ? now + kLookForMore : busy + state.turn.stay;
    const auto waited =
        co_await site.work.wait(async::Deadline::at(std::min<SteadyTime>(next, heard + state.turn.keep_alive)));
    if (waited == async::Wait::kCancelled) co_return;
    if (waited == async::Wait::kReady || steady_clock::now() < heard + state.turn.keep_alive) continue;
    const auto alive = co_await connection.session->ask("NOOP\r\n", kNoopAnswer);
    heard = steady_clock::now();
    if (!alive || alive->code != 250) {
      site.last_failure = alive ? fmt::format("NOOP: {} {}", alive->code, alive->text()) : alive.error().detail;
      usable = false;
      co_return;
    }
  }
}

}  // namespace quartet::relay
