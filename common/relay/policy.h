// How a site is treated: what all get, and what operators want of some of them.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "common/dns/mx.h"
#include "common/net/address.h"
#include "common/relay/concurrency.h"
#include "common/relay/rate.h"
#include "common/relay/retry.h"

namespace quartet::relay {

struct SiteLimits {
  ConcurrencyLimits concurrency;
  std::size_t ready_recipients = 2000;           // claimed and waiting for a connection
  std::size_t ready_bytes = 32 * 1024 * 1024;    // of message bodies
  std::size_t recipients_per_transaction = 100;  // RFC 5321 section 4.5.3.1.8 lets every server take 100
};

/// Immutable once a router or a relay has it.
struct SitePolicy {
  std::string match;  // for whom, as configured; empty: for all the rest
  SiteLimits limits{};
  unsigned messages_per_connection = 1000;
  std::optional<Rate> message_rate{};
  std::optional<Rate> connection_rate{};
  RetrySchedule retry{};
  std::vector<net::Address> source_addresses{};  // port 0; empty: the system chooses
  dns::Families families = dns::Families::kPreferIpv6;
};

/// The source addresses to connect to `peer` from, in the order of trying, for the `turn`th connection; nullopt: the
/// system chooses. The error says why there is none: none is of the peer's kind.
std::expected<std::vector<std::optional<net::Address>>, std::string> sources_for(
    const std::vector<net::Address>& addresses, const net::Address& peer, std::size_t turn);

}  // namespace quartet::relay
