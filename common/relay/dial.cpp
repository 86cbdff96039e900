#include "common/relay/dial.h"

#include <fmt/format.h>

#include "common/log/log.h"
#include "common/net/socket.h"
#include "common/relay/figures.h"
#include "common/relay/tls_choice.h"
#include "common/relay/tls_report.h"
#include "common/smtp/within_host.h"

namespace quartet::relay {
namespace {

bool during_tls(const smtp::ClientError& error) { return error.kind == smtp::ClientError::Kind::kTls; }
/// Also for what a server says to STARTTLS: 454 and the like.
bool about_tls(const smtp::ClientError& error) { return during_tls(error) || error.starttls; }

/// Source addresses that cannot be used are passed over.
async::Task<std::expected<std::unique_ptr<net::Stream>, NoSession>> connect_from(const Sources& ours,
                                                                                 const Candidate& host,
                                                                                 std::chrono::seconds timeout) {
  const auto where = fmt::format("{} ({})", host.name, host.address.to_string());
  const auto sources = sources_for(ours.addresses, host.address, ours.turn);
  if (!sources) co_return std::unexpected(NoSession{{0, "4.3.5", where + ": " + sources.error(), ""}});
  spool::Reply reason;
  for (const auto& source : *sources) {
    auto stream = co_await net::connect(host.address, {source}, async::Deadline::after(timeout));
    if (stream) co_return *std::move(stream);
    const auto& error = stream.error();
    if (error.code == net::IoCode::kScarce)
      co_return std::unexpected(NoSession{{0, "4.3.0", net::to_string(error), ""}, true});
    reason = {0, "4.4.1", fmt::format("{}: {}", where, net::to_string(error)), ""};
    if (!source || (error.code != net::IoCode::kDenied && error.code != net::IoCode::kInUse)) break;
    reason.enhanced = "4.3.5";
    log::error("relay.source_unusable",
               {{"source", source->host()}, {"host", host.name}, {"reason", net::to_string(error)}});
  }
  co_return std::unexpected(NoSession{std::move(reason)});
}

/// RFC 8689 section 4.2.1.
bool needs_tls(const Candidate& host) { return host.sender_tls == SenderTls::kRequired; }
bool satisfies(const Candidate& host, const smtp::ClientSession& session, bool lmtp) {
  return !needs_tls(host) || session.capabilities().require_tls || smtp::within_host(session.stream(), lmtp);
}

}  // namespace

smtp::ClientOptions client_options(const Options& options, const NextHop& next_hop) {
  smtp::ClientOptions client;
  client.hostname = options.hostname;
  client.lmtp = next_hop.protocol == Protocol::kLmtp;
  if (next_hop.credentials)
    client.login = smtp::ClientLogin{next_hop.credentials->user, next_hop.credentials->password};
  return client;
}

spool::Reply reply_of(const smtp::ClientError& error, const std::string& host) {
  if (error.reply) {
    return {static_cast<std::uint16_t>(error.reply->code), error.reply->enhanced, error.reply->text(), host};
  }
  switch (error.kind) {
    case smtp::ClientError::Kind::kTls:
      return {0, "4.7.5", error.detail, ""};
    case smtp::ClientError::Kind::kLogin:
      return {0, "4.7.8", error.detail, ""};
    case smtp::ClientError::Kind::kProtocol:
      return {0, "4.5.0", error.detail, ""};
    case smtp::ClientError::Kind::kNetwork:
    case smtp::ClientError::Kind::kRefused:
      break;
  }
  return {0, "4.4.2", error.detail, ""};
}

std::string describe(const Candidate& host) {
  if (host.address.is_unix()) return host.name;
  const auto literal = host.address.to_literal();
  return host.address.host() == host.name ? literal : host.name + " " + literal;
}

async::Task<std::expected<std::unique_ptr<smtp::ClientSession>, NoSession>> dial(Dialling call) {
  auto& [contexts, client, host, domain, timeout, sources, note] = call;
  // What is tried after a failure belongs to the same session, and is not noted.
  std::string from;
  const auto note_once = [&](tlsrpt::v1::FailureDetails failure) {
    if (!note) return;
    failure.set_sending_ip(from);
    std::exchange(note, {})(host, failure);
  };
  if (auto allowed = choose_tls(host, contexts, client); !allowed) {
    if (auto failure = reported_refusal(host, allowed.error().text); !failure.result_type().empty())
      note_once(std::move(failure));
    co_return std::unexpected(NoSession{allowed.error()});
  }
  for (bool again = false;;) {
    const PhaseTimer connecting(Phase::kConnect);
    auto stream = co_await connect_from(sources, host, timeout);
    if (!stream) {
      if (!stream.error().ours) count_connection_failure(false);
      co_return std::unexpected(std::move(stream.error()));
    }
    from = (*stream)->local().host();
    connecting.done();
    const PhaseTimer opening(Phase::kSession);
    auto session = co_await smtp::ClientSession::open(*std::move(stream), client);
    if (session) {
      opening.done();
      count_session(host.tls, (*session)->stream().tls());
      note_once(reported_failure(host, (*session)->stream().tls()));
      if (satisfies(host, **session, client.lmtp)) co_return *std::move(session);
      co_await (*session)->quit();
      co_return std::unexpected(
          NoSession{{0, "5.7.30", host.name + ": the sender requires TLS, and REQUIRETLS is not offered", ""}});
    }
    count_connection_failure(true);
    auto reason = reply_of(session.error(), describe(host));
    if (about_tls(session.error())) note_once(reported_failure(host, session.error()));
    // A connection that was lost may do better next time.
    if (needs_tls(host) && during_tls(session.error()) && !session.error().lost) reason.enhanced = "5.7.10";
    if (!needs_tls(host) && host.sts == Sts::kTesting && client.tls == contexts.verified &&
        about_tls(session.error())) {
      log::warn("relay.sts_testing", {{"domain", domain}, {"host", host.name}, {"reason", reason.text}});
      host.sts = Sts::kNone;
      (void)choose_tls(host, contexts, client);
      again = false;
      continue;
    }
    // Opportunistic TLS is better than none, but none is better than no mail (RFC 7435).
    if (again || client.starttls != smtp::StartTls::kIfOffered || client.login || !during_tls(session.error()))
      co_return std::unexpected(NoSession{std::move(reason)});
    client.starttls = smtp::StartTls::kNever;
    again = true;
  }
}

}  // namespace quartet::relay
