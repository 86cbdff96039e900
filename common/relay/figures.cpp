#include "common/relay/figures.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <string>

#include "common/metrics/metrics.h"

namespace quartet::relay {
namespace {

constexpr std::size_t kCodes = 1000;  // three digits
constexpr std::array kResults = {"delivered", "deferred", "bounced", "expired"};

std::size_t row_of(spool::Result result) {
  switch (result) {
    case spool::Result::kDelivered:
      return 0;
    case spool::Result::kBounced:
      return 2;
    case spool::Result::kExpired:
      return 3;
    case spool::Result::kDropped:
    case spool::Result::kDeferred:
    case spool::Result::kHeld:
      break;
  }
  return 1;
}

metrics::Counter& outcomes(std::size_t row, std::size_t code) {
  return metrics::counter("quartet_relay_recipients_total",
                          "Recipients by the result of their last attempt and the code of the reply",
                          {{"result", kResults[row]}, {"code", code == 0 ? "none" : std::to_string(code)}});
}

metrics::Counter& failures(bool connected) {
  return metrics::counter("quartet_relay_connection_failures_total",
                          "Hosts that could not be connected to or gave no session",
                          {{"reason", connected ? "session" : "connect"}});
}

const char* name_of(TlsPolicy policy) {
  switch (policy) {
    case TlsPolicy::kNone:
      return "none";
    case TlsPolicy::kMay:
      return "may";
    case TlsPolicy::kEncrypt:
      return "encrypt";
    case TlsPolicy::kVerify:
      return "verify";
    case TlsPolicy::kDane:
      return "dane";
    case TlsPolicy::kDaneOnly:
      return "dane-only";
  }
  return "";
}

const char* name_of(net::Trust trust) {
  switch (trust) {
    case net::Trust::kNone:
      return "unverified";
    case net::Trust::kAuthority:
      return "authority";
    case net::Trust::kDaneTa:
      return "dane-ta";
    case net::Trust::kDaneEe:
      return "dane-ee";
  }
  return "";
}

}  // namespace

void prepare_figures() {
  count_connection(0);
  (void)failures(false);
  (void)failures(true);
}

void time_phase(Phase phase, double seconds) {
  static const auto histograms = [] {
    constexpr std::array kNames = {"queue", "look-up", "connect", "session", "transaction", "total"};
    std::array<metrics::Histogram*, kNames.size()> all{};
    for (std::size_t i = 0; i < all.size(); ++i)
      all[i] = &metrics::histogram("quartet_relay_seconds", "Durations of the parts of deliveries",
                                   metrics::durations(), {{"phase", kNames[i]}});
    return all;
  }();
  histograms[static_cast<std::size_t>(phase)]->observe(seconds);
}

void PhaseTimer::done() const { time_phase(phase_, metrics::seconds_since(begun_)); }

double age_of(const spool::Message& message) {
  return std::max(0.0, std::chrono::duration<double>(wall_now() - message.envelope.received).count());
}

void count_outcome(spool::Result result, std::uint16_t code) {
  // Made when they are first needed, and found without a lock after that.
  static std::array<std::array<std::atomic<metrics::Counter*>, kCodes>, kResults.size()> made{};
  const auto row = row_of(result);
  auto& counter = made[row][code < kCodes ? code : 0];
  auto* known = counter.load(std::memory_order_acquire);
  if (known == nullptr) {
    known = &outcomes(row, code < kCodes ? code : 0);
    counter.store(known, std::memory_order_release);
  }
  known->add();
}

void count_session(TlsPolicy policy, const net::TlsInfo* tls) {
  metrics::counter("quartet_relay_sessions_total", "Sessions opened with other hosts, by policy and TLS",
                   {{"policy", name_of(policy)},
                    {"version", tls == nullptr ? "none" : tls->version},
                    {"verified", name_of(tls == nullptr ? net::Trust::kNone : tls->trust)}})
      .add();
}

void count_connection_failure(bool connected) { failures(connected).add(); }

void count_connection(int change) {
  static auto& open = metrics::gauge("quartet_relay_connections", "Open connections to other hosts");
  open.add(change);
}

}  // namespace quartet::relay
