#include "common/relay/recipient_verifier.h"

#include <fmt/format.h>

#include <unordered_map>
#include <utility>

#include "common/async/run_on.h"
#include "common/async/task_group.h"

#include "common/log/log.h"
#include "common/metrics/metrics.h"
#include "common/mime/charset.h"
#include "common/mime/idna.h"
#include "common/relay/dial.h"
#include "common/relay/gate.h"
#include "common/relay/names.h"

namespace quartet::relay {
namespace {

using Kind = Verdict::Kind;
using Steady = std::chrono::steady_clock;

constexpr std::size_t kMostHops = 10'000;  // of which something is remembered

Verdict unknown(std::string why) { return {Kind::kUnknown, {0, "4.4.1", std::move(why), ""}}; }

/// What the tables alone say; nullopt: the next hop has to be asked.
std::optional<Verdict> by_tables(const Router& router, std::string_view recipient, const NextHop& next_hop) {
  const auto* link = router.link_of(mime::domain_of(recipient));
  if (link != nullptr && link->turned_only) return Verdict{Kind::kAccepted, {}};
  switch (next_hop.kind) {
    case NextHop::Kind::kPipe:
    case NextHop::Kind::kBatch:
    case NextHop::Kind::kHold:
    case NextHop::Kind::kDiscard:
      return Verdict{Kind::kAccepted, {}};
    case NextHop::Kind::kError:
      return Verdict{Kind::kRefused, {550, "5.7.1", next_hop.error, ""}};
    case NextHop::Kind::kHosts:
    case NextHop::Kind::kMx:
      break;
  }
  return std::nullopt;
}

/// The local part as it is: whether case counts in it is for the next hop to say.
std::string normal(std::string_view recipient) {
  const auto at = recipient.rfind('@');
  return std::string(recipient.substr(0, at)) + "@" + mime::domain_of(recipient);
}

void count(Kind kind) {
  static constexpr const char* kHelp = "Recipients that a next hop was asked about at RCPT, by its answer";
  static auto& accepted = metrics::counter("quartet_verifications_total", kHelp, {{"result", "accepted"}});
  static auto& refused = metrics::counter("quartet_verifications_total", kHelp, {{"result", "refused"}});
  static auto& nobody = metrics::counter("quartet_verifications_total", kHelp, {{"result", "unknown"}});
  (kind == Kind::kAccepted ? accepted : kind == Kind::kRefused ? refused : nobody).add();
}

}  // namespace

class RecipientVerifier::Impl {
 public:
  Impl(Options relay, VerifyOptions options)
      : relay_(std::move(relay)), options_(options), cache_(options.entries), places_(options.probes) {}

  async::Task<Verdict> ask(std::shared_ptr<const Router> router, std::string recipient, std::string sender) {
    const auto& next_hop = router->route(recipient, {.reverse_path = sender});
    if (auto verdict = by_tables(*router, recipient, next_hop)) co_return *std::move(verdict);
    if (tasks_.stop_requested()) co_return unknown("the server is closing");
    const auto now = Steady::now();
    const auto hop =
        next_hop.site_key() + (next_hop.kind == NextHop::Kind::kMx ? "|" + mime::domain_of(recipient) : "");
    auto key = hop + "|" + normal(recipient);
    if (const auto* known = cache_.find(key, now)) co_return *known;
    if (const auto found = hops_.find(hop); found != hops_.end() && found->second->down_until > now)
      co_return found->second->why;
    auto probe = running_.find(key);
    if (probe == running_.end()) {
      if (running_.size() >= options_.waiting) co_return unknown("too many recipients are being asked about");
      probe = running_.emplace(key, std::make_shared<Probe>()).first;
      auto tls = router->tls_of(next_hop, mime::domain_of(recipient));
      auto target = next_hop;
      if (target.kind == NextHop::Kind::kMx) target.tls = tls;
      tasks_.spawn(run(std::move(key), probe->second, hop_of(hop, now), std::move(target), std::move(recipient)));
    }
    const auto mine = probe->second;
    const auto waited = co_await mine->done.wait(async::Deadline::after(options_.timeout));
    if (waited != async::Wait::kReady) co_return unknown("the next hop did not answer in time");
    co_return mine->verdict;
  }

  /// Probes that run end by what they began with.
  void set_options(Options relay, VerifyOptions options) {
    relay_ = std::move(relay);
    options_ = options;
    cache_ = VerdictCache(options.entries);
    places_.set_limit(options.probes);
    ++generation_;
    hops_.clear();
    if (names_.resolver()) prepare();
  }

  async::Task<void> close() {
    co_await tasks_.close();
    names_.clear();
  }

 private:
  struct Probe {
    async::Event done;
    Verdict verdict;
  };
  /// One next hop: how many ask it, and whether it makes sense to ask.
  struct Hop {
    explicit Hop(std::size_t probes) : places(probes) {}
    Gate places;
    SteadyTime down_until{};
    Verdict why;
  };

  std::shared_ptr<Hop> hop_of(const std::string& key, SteadyTime now) {
    if (hops_.size() >= kMostHops)
      std::erase_if(hops_, [now](const auto& entry) {
        return entry.second->down_until <= now && entry.second->places.used() == 0;
      });
    auto& slot = hops_[key];
    if (!slot) slot = std::make_shared<Hop>(options_.probes_per_hop);
    return slot;
  }

  async::Task<void> run(std::string key, std::shared_ptr<Probe> probe, std::shared_ptr<Hop> hop, NextHop next_hop,
                        std::string recipient) {
    co_await async::yield();  // ask() waits by then
    const auto generation = generation_;
    probe->verdict = co_await in_line(*hop, next_hop, recipient);
    const auto& verdict = probe->verdict;
    count(verdict.kind);
    log::debug("relay.verified", {{"to", recipient},
                                  {"host", verdict.reply.host},
                                  {"code", verdict.reply.code},
                                  {"status", verdict.reply.enhanced},
                                  {"reply", verdict.reply.text}});
    const auto keep = verdict.kind == Kind::kAccepted  ? options_.accepted_for
                      : verdict.kind == Kind::kRefused ? options_.refused_for
                                                       : options_.unknown_for;
    if (!tasks_.stop_requested() && generation == generation_) cache_.put(key, verdict, Steady::now() + keep);
    running_.erase(key);
    probe->done.set();
  }

  /// A slow next hop holds up those who ask it, not those who ask others.
  async::Task<Verdict> in_line(Hop& hop, const NextHop& next_hop, const std::string& recipient) {
    const auto deadline = async::Deadline::after(options_.timeout);
    const bool hop_free = co_await hop.places.enter(1, deadline);
    if (!hop_free) co_return unknown("too many recipients are being asked about");
    Verdict verdict = hop.why;
    if (hop.down_until <= Steady::now()) {
      const bool free = co_await places_.enter(1, deadline);
      if (free) {
        verdict = co_await probe_hop(hop, next_hop, recipient);
        places_.leave(1);
      } else {
        verdict = unknown("too many recipients are being asked about");
      }
    }
    hop.places.leave(1);
    co_return verdict;
  }

  async::Task<Verdict> probe_hop(Hop& hop, const NextHop& next_hop, const std::string& recipient) {
    if (!names_.resolver()) prepare();
    const auto resolver = names_.resolver();
    const auto lookup = relay_.lookup;
    auto found = co_await find_candidates(*resolver, next_hop, mime::domain_of(recipient), lookup);
    if (!found) {
      const auto& failure = found.error();
      const spool::Reply reply{0, failure.status, failure.text, ""};
      // Mail for a domain that does not exist would bounce.
      if (failure.permanent) co_return Verdict{Kind::kRefused, reply};
      if (failure.ours) co_return Verdict{Kind::kUnknown, reply};
      co_return down(hop, reply);
    }
    spool::Reply reason{0, "4.4.1", "no host could be reached", ""};
    for (const auto& host : found->hosts) {
      auto client = client_options(relay_, next_hop);
      client.greeting_timeout = client.command_timeout = client.tls_timeout = options_.step_timeout;
      auto session = co_await dial({.tls = relay_.tls,
                                    .client = std::move(client),
                                    .host = host,
                                    .domain = mime::domain_of(recipient),
                                    .timeout = options_.step_timeout,
                                    .sources = {relay_.source_addresses, 0}});
      if (!session) {
        if (session.error().ours) co_return Verdict{Kind::kUnknown, std::move(session.error().reason)};
        reason = std::move(session.error().reason);
        if (tasks_.stop_requested()) break;
        continue;
      }
      co_return co_await converse(hop, **session, recipient, describe(host));
    }
    co_return down(hop, std::move(reason));
  }

  /// From MAIL to QUIT.
  async::Task<Verdict> converse(Hop& hop, smtp::ClientSession& session, const std::string& recipient,
                                const std::string& host) {
    const bool utf8 = !mime::is_ascii(recipient);
    const auto mail =
        co_await session.ask(utf8 && session.capabilities().smtputf8 ? "MAIL FROM:<> SMTPUTF8\r\n" : "MAIL FROM:<>\r\n",
                             options_.step_timeout);
    // Who takes no mail without a sender says nothing about the recipient.
    if (!mail) co_return down(hop, reply_of(mail.error(), host));
    if (mail->code / 100 != 2) {
      co_await session.quit();
      co_return down(hop, said(*mail, host));
    }
    const auto rcpt = co_await session.ask(fmt::format("RCPT TO:<{}>\r\n", recipient), options_.step_timeout);
    if (!rcpt) co_return down(hop, reply_of(rcpt.error(), host));
    co_await session.quit();
    const auto kind = rcpt->code / 100 == 2 ? Kind::kAccepted : rcpt->permanent() ? Kind::kRefused : Kind::kUnknown;
    co_return Verdict{kind, said(*rcpt, host)};
  }

  static spool::Reply said(const smtp::Reply& reply, const std::string& host) {
    return {static_cast<std::uint16_t>(reply.code), reply.enhanced, reply.text(), host};
  }

  /// The next hop itself failed: nobody asks it for a while.
  Verdict down(Hop& hop, spool::Reply reason) const {
    hop.down_until = Steady::now() + options_.unknown_for;
    hop.why = {Kind::kUnknown, std::move(reason)};
    return hop.why;
  }

  void prepare() {
    names_.set_options(relay_);
    relay_.lookup.sts = names_.sts();
  }

  Options relay_;
  VerifyOptions options_;
  VerdictCache cache_;
  Gate places_;
  std::unordered_map<std::string, std::shared_ptr<Hop>> hops_;
  std::unordered_map<std::string, std::shared_ptr<Probe>> running_;
  Names names_;
  std::uint64_t generation_ = 0;  // counts set_options()
  async::TaskGroup tasks_;
};

RecipientVerifier::RecipientVerifier(async::Loop& loop, Options relay, VerifyOptions options)
    : loop_(loop), impl_(std::make_shared<Impl>(std::move(relay), options)) {}

RecipientVerifier::~RecipientVerifier() = default;

void RecipientVerifier::set_options(Options relay, VerifyOptions options) {
  loop_.post(
      [impl = impl_, relay = std::move(relay), options]() mutable { impl->set_options(std::move(relay), options); });
}

async::Task<Verdict> RecipientVerifier::ask(std::shared_ptr<const Router> router, std::string recipient,
                                            std::string sender) {
  co_return co_await async::run_on(loop_, impl_->ask(std::move(router), std::move(recipient), std::move(sender)));
}

async::Task<void> RecipientVerifier::close() { co_await async::run_on(loop_, impl_->close()); }

}  // namespace quartet::relay
