#include "common/relay/probe.h"

#include <fmt/format.h>

#include "common/mime/charset.h"
#include "common/mime/idna.h"
#include "common/net/socket.h"
#include "common/relay/dial.h"
#include "common/relay/impl.h"
#include "common/relay/tls_choice.h"
#include "common/smtp/client_session.h"

namespace quartet::relay {
namespace {

constexpr std::chrono::seconds kPatience{30};  // for each answer
constexpr std::chrono::seconds kPatienceWithDns{10};

/// Tells the listener with the time since it was told last.
class Teller final : public smtp::ClientObserver {
 public:
  explicit Teller(ProbeListener& listener) : listener_(listener) {}

  void tell(ProbeStep step) {
    const auto now = std::chrono::steady_clock::now();
    step.took = std::chrono::duration_cast<std::chrono::microseconds>(now - last_);
    step.host = host;
    last_ = now;
    listener_(std::move(step));
  }
  void on_reply(std::string_view command, const smtp::Reply& reply) override {
    tell({.phase = ProbeStep::Phase::kReply,
          .command = std::string(command),
          .reply = reply,
          .failure = reply.positive() ? "" : "refused"});
  }
  void on_tls(const net::TlsInfo& tls) override { tell({.phase = ProbeStep::Phase::kTls, .tls = tls}); }

  std::string host;

 private:
  ProbeListener& listener_;
  SteadyTime last_ = std::chrono::steady_clock::now();
};

/// MAIL, RCPT, RSET; false when the session is broken.
async::Task<bool> try_recipient(smtp::ClientSession& session, std::string recipient, Teller& teller) {
  const bool utf8 = !mime::is_ascii(recipient) && session.capabilities().smtputf8;
  const std::string lines[] = {utf8 ? "MAIL FROM:<> SMTPUTF8\r\n" : "MAIL FROM:<>\r\n",
                               fmt::format("RCPT TO:<{}>\r\n", recipient), "RSET\r\n"};
  for (const auto& line : lines) {
    const auto reply = co_await session.ask(line, kPatience);
    const auto verb = std::string_view(line).substr(0, 4);
    if (!reply) {
      teller.tell({.phase = ProbeStep::Phase::kReply, .command = std::string(verb), .failure = reply.error().detail});
      co_return false;
    }
    teller.on_reply(verb, *reply);
    if (verb == "MAIL" && !reply->positive()) co_return true;
  }
  co_return true;
}

smtp::ClientOptions session_options(const Options& options, const NextHop& next_hop, Teller& teller) {
  auto out = client_options(options, next_hop);
  out.greeting_timeout = out.command_timeout = kPatience;
  out.observer = &teller;
  return out;
}

/// One host; whether delivery would have stayed with it.
async::Task<bool> probe_host(const Options& options, const NextHop& next_hop, Candidate host, const Probe& probe,
                             Teller& teller) {
  const auto end = [&teller](std::string failure) {
    const bool good = failure.empty();
    teller.tell({.phase = ProbeStep::Phase::kEnd, .failure = std::move(failure)});
    return good;
  };
  teller.host = fmt::format("{} {}", host.name, host.address.to_string());
  auto session_with = session_options(options, next_hop, teller);
  if (const auto allowed = choose_tls(host, options.tls, session_with); !allowed) co_return end(allowed.error().text);
  auto stream = co_await net::connect(host.address, {}, async::Deadline::after(options.connect_timeout));
  if (!stream) {
    teller.tell({.phase = ProbeStep::Phase::kConnect, .failure = net::to_string(stream.error())});
    co_return end("no connection");
  }
  teller.tell({.phase = ProbeStep::Phase::kConnect, .text = "from " + (*stream)->local().to_string()});
  if (probe.depth == Probe::Depth::kConnect) co_return end("");
  if (probe.depth == Probe::Depth::kEhlo) {
    session_with.starttls = smtp::StartTls::kNever;
    session_with.login.reset();
  }
  auto session = co_await smtp::ClientSession::open(*std::move(stream), std::move(session_with));
  if (!session) co_return end(session.error().detail);
  bool usable = true;
  if (probe.depth == Probe::Depth::kRcpt) {
    const bool done = co_await try_recipient(**session, probe.recipient, teller);
    usable = done;
  }
  if (usable) co_await (*session)->quit();
  co_return end(usable ? "" : "the session broke");
}

}  // namespace

/// Hosts and next hop of what is to be probed.
async::Task<std::expected<Candidates, Unroutable>> Relay::Impl::find_probed(Probe probe, NextHop& next_hop) {
  const auto resolver = names_.resolver();
  auto lookup = options_.lookup;
  lookup.timeout = kPatienceWithDns;
  if (const auto known = sites_.find(probe.destination); known != sites_.end()) {
    next_hop = known->second->next_hop();
    co_return co_await find_candidates(*resolver, next_hop, known->second->domain(), lookup);
  }
  if (names_site(probe.destination))
    co_return std::unexpected(Unroutable{false, "4.4.4", "the relay knows no such site at present"});
  const auto domain = mime::domain_of(probe.recipient);
  const auto router = this->router();
  next_hop = router->route(probe.recipient);
  if (next_hop.kind == NextHop::Kind::kMx)
    next_hop.tls = router->tls_of(next_hop, domain);
  else if (next_hop.kind != NextHop::Kind::kHosts)
    co_return std::unexpected(Unroutable{false, "4.4.4", "by the tables no host gets its mail"});
  co_return co_await find_candidates(*resolver, next_hop, next_hop.kind == NextHop::Kind::kMx ? domain : "", lookup);
}

async::Task<void> Relay::Impl::run_probe(Probe probe, ProbeListener listener) {
  Teller teller(listener);
  if (!probe.destination.contains(':')) {
    const bool address = probe.destination.contains('@');
    if (probe.recipient.empty()) probe.recipient = address ? probe.destination : "postmaster@" + probe.destination;
  }
  NextHop next_hop;
  auto found = co_await find_probed(probe, next_hop);
  if (!found) {
    teller.tell({.phase = ProbeStep::Phase::kRoute, .failure = found.error().status + " " + found.error().text});
    co_return;
  }
  teller.tell(
      {.phase = ProbeStep::Phase::kRoute, .text = fmt::format("{}, {} addresses", found->site, found->hosts.size())});
  for (auto& host : found->hosts) {
    const bool good = co_await probe_host(options_, next_hop, std::move(host), probe, teller);
    if (good) co_return;
  }
}

void Relay::Impl::probe(Probe probe, ProbeListener listener) {
  wake_up_->post([this, probe = std::move(probe), listener = std::move(listener)]() mutable {
    tasks_.spawn(run_probe(std::move(probe), std::move(listener)));
  });
}

void Relay::probe(Probe probe, ProbeListener listener) { impl_->probe(std::move(probe), std::move(listener)); }

}  // namespace quartet::relay
