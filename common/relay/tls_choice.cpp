#include "common/relay/tls_choice.h"

#include <fmt/format.h>

#include <array>

#include "common/metrics/metrics.h"

namespace quartet::relay {
namespace {

using State = DaneFinding::State;

constexpr const char* kTrust[] = {"unverified", "authority", "dane-ta", "dane-ee"};
constexpr const char* kVersions[] = {"TLSv1.2", "TLSv1.3"};

spool::Reply refusal(const Candidate& host, std::string status, std::string_view reason) {
  return {0, std::move(status), fmt::format("{}: {}", host.name, reason), ""};
}

/// RFC 8461 section 2: only where DANE has nothing to say.
std::expected<void, spool::Reply> choose_sts(const Candidate& host, const TlsContexts& contexts,
                                             smtp::ClientOptions& options) {
  if (host.sts == Sts::kRefused)
    return std::unexpected(refusal(host, "4.7.5", "the domain's MTA-STS policy does not name it"));
  if (host.sts == Sts::kNone) return {};
  options.starttls = smtp::StartTls::kRequired;
  options.tls = contexts.verified;
  return {};
}

std::expected<void, spool::Reply> choose_dane(const Candidate& host, const TlsContexts& contexts,
                                              smtp::ClientOptions& options) {
  options.starttls = smtp::StartTls::kRequired;
  options.tls = contexts.any;
  const auto state = host.dane ? host.dane->state : State::kInsecure;
  if (state == State::kFailed) {
    return std::unexpected(refusal(host, "4.7.5", "its TLSA records cannot be looked up: " + host.dane->detail));
  }
  if (state == State::kUsable) {
    options.dane = std::shared_ptr<const tls::Dane>(host.dane, &host.dane->dane);
    return {};
  }
  if (host.tls == TlsPolicy::kDaneOnly) {
    return std::unexpected(
        refusal(host, "4.7.5", "DANE is required, and " + (host.dane ? host.dane->detail : "was not looked for")));
  }
  if (state != State::kUnusable) options.starttls = smtp::StartTls::kIfOffered;
  return choose_sts(host, contexts, options);
}

/// RFC 8689 section 4.2.1, steps 2 and 4.
std::expected<void, spool::Reply> choose_required(const Candidate& host, const TlsContexts& contexts,
                                                  smtp::ClientOptions& options) {
  if (!host.proved_name || host.sts == Sts::kRefused) {
    return std::unexpected(
        refusal(host, "5.7.10",
                "the sender requires TLS, and neither DNSSEC nor MTA-STS says that it is a host of the domain"));
  }
  options.starttls = smtp::StartTls::kRequired;
  options.tls = contexts.verified;
  if (!by_dane(host.tls)) return {};
  const auto state = host.dane ? host.dane->state : State::kInsecure;
  if (state == State::kUsable || state == State::kFailed) return choose_dane(host, contexts, options);
  if (host.tls == TlsPolicy::kDaneOnly)
    return std::unexpected(refusal(host, "5.7.10", "the sender requires TLS, and there are no usable TLSA records"));
  return {};
}

metrics::Counter& counter(const std::string& version, const char* verified) {
  return metrics::counter("quartet_relay_tls_recipients_total",
                          "Recipients delivered, by the TLS of their session and what verified the server",
                          {{"version", version}, {"verified", verified}});
}

}  // namespace

std::expected<void, spool::Reply> choose_tls(const Candidate& host, const TlsContexts& contexts,
                                             smtp::ClientOptions& options) {
  // RFC 6066 section 3: an address-literal is no name to ask for.
  options.server_name = host.name.starts_with('[') ? host.address.host() : host.name;
  options.tls = contexts.any;
  const bool within_host = host.address.is_unix() || (options.lmtp && host.own);
  if (host.sender_tls == SenderTls::kRequired && !within_host) return choose_required(host, contexts, options);
  switch (host.tls) {
    case TlsPolicy::kNone:
      options.starttls = smtp::StartTls::kNever;
      options.tls = nullptr;
      break;
    case TlsPolicy::kMay:
      options.starttls = smtp::StartTls::kIfOffered;
      return choose_sts(host, contexts, options);
    case TlsPolicy::kEncrypt:
      options.starttls = smtp::StartTls::kRequired;
      break;
    case TlsPolicy::kVerify:
      options.starttls = smtp::StartTls::kRequired;
      options.tls = contexts.verified;
      break;
    case TlsPolicy::kDane:
    case TlsPolicy::kDaneOnly:
      return choose_dane(host, contexts, options);
  }
  return {};
}

std::string describe_tls(const net::TlsInfo* tls) {
  if (tls == nullptr) return "none";
  return fmt::format("{} {}", tls->version, kTrust[static_cast<int>(tls->trust)]);
}

void count_tls(const net::TlsInfo* tls, std::size_t recipients) {
  // Made once: to find a counter by its labels takes a lock.
  static const auto counters = [] {
    std::array<metrics::Counter*, 9> out{};
    out[0] = &counter("none", kTrust[0]);
    for (std::size_t i = 0; i < 8; ++i) out[i + 1] = &counter(kVersions[i / 4], kTrust[i % 4]);
    return out;
  }();
  std::size_t index = 0;
  if (tls != nullptr) index = 1 + (tls->version == kVersions[0] ? 0 : 4) + static_cast<std::size_t>(tls->trust);
  counters[index]->add(recipients);
}

}  // namespace quartet::relay
