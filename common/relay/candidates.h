// From a next hop to addresses: the hosts to try, in order.
#pragma once
#include <chrono>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "common/dns/mx.h"
#include "common/net/address.h"
#include "common/relay/dane.h"
#include "common/relay/route.h"
#include "common/sts/finder.h"

namespace quartet::relay {

/// What MTA-STS says of a host (RFC 8461).
enum class Sts {
  kNone,     // nothing
  kTesting,  // should prove its name; if it does not, that is only worth a line in the log
  kEnforce,  // must prove its name
  kRefused,  // is not named by the policy: no delivery
};

/// One address to connect to.
struct Candidate {
  std::string name;  // the host's name, for TLS verification, logs and notices
  net::Address address;
  TlsPolicy tls = TlsPolicy::kMay;
  std::shared_ptr<const DaneFinding> dane = nullptr;  // if the policy is by DANE
  Sts sts = Sts::kNone;
  sts::Finding sts_finding = {};  // what it is of
  SenderTls sender_tls = SenderTls::kUsual;
  bool own = false;         // an address of this host
  bool proved_name = true;  // nobody could have put another host's name in the place of this one
};

/// What MTA-STS says of a host of a domain with this policy, which may be null (RFC 8461 section 4.1).
Sts sts_of(const sts::Policy* policy, const std::string& host);

/// Why there is nothing to connect to, in the terms of a reply.
struct Unroutable {
  bool permanent = false;
  std::string status;  // enhanced status code (RFC 3463), e.g. "4.4.3"
  std::string text;
  bool ours = false;  // for lack of descriptors or memory on this host, which says nothing about the mail
};

struct Candidates {
  std::vector<Candidate> hosts;  // at least one, where the next hop has hosts at all
  /// Key of the site: next hops with the same key share connections and limits. Domains share a site only if its hosts
  /// have to prove the same to them.
  std::string site;
  SteadyTime expires;  // when to look again
  sts::Finding sts = {};
};

struct LookupOptions {
  dns::Self self;  // who we are, so that mail does not loop back to us
  dns::Families families = dns::Families::kPreferIpv6;
  std::chrono::seconds timeout = std::chrono::seconds(60);
  std::shared_ptr<sts::Finder> sts = nullptr;  // for MX hosts whose policy is opportunistic
};

/// `next_hop` is of kind kHosts or kMx, or a program or a directory, which have no hosts; `domain` is the recipient's,
/// used for kMx only. The references outlive the
/// task.
async::Task<std::expected<Candidates, Unroutable>> find_candidates(dns::Resolver& resolver, const NextHop& next_hop,
                                                                   std::string domain, const LookupOptions& options);

}  // namespace quartet::relay
