// What the DNS says of a host's TLS: TLSA records under DNSSEC (RFC 7672 section 2.2).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "common/async/deadline.h"
#include "common/async/task.h"
#include "common/base/time.h"
#include "common/dns/resolver.h"
#include "common/tls/dane.h"

namespace quartet::relay {

struct DaneFinding {
  enum class State {
    kInsecure,  // names or addresses are not DNSSEC-validated: TLSA records would prove nothing, and are not asked for
    kNone,      // no (validated) TLSA record
    kUnusable,  // there are some, but none we can use: TLS is promised, not by whom (RFC 7672 section 2.1.1)
    kUsable,
    kFailed,  // it cannot be known now; to go on without would let an attacker suppress the records (section 2.1.2)
  };
  State state = State::kInsecure;
  tls::Dane dane;      // kUsable
  std::string detail;  // for people
  SteadyTime expires = SteadyTime::max();
};

/// A host to look at.
struct DaneHost {
  std::string name;
  std::string canonical_name;  // where its addresses were found, at the end of all aliases
  std::uint16_t port = 25;
  bool authentic = false;  // all its addresses
  bool named = true;       // the MX set that named it, if one did, is validated
};

/// `reference` are more names its certificate may have (RFC 7672 section 3.2.2). The canonical name is the first base
/// domain to try, the name itself the second, and the only one of a signed alias for a name that is not signed (section
/// 2.2.2). `resolver` outlives the task.
async::Task<DaneFinding> find_dane(dns::Resolver& resolver, DaneHost host, std::vector<std::string> reference,
                                   async::Deadline deadline);

/// find_dane() for several, side by side; in their order.
async::Task<std::vector<DaneFinding>> find_dane_of_all(dns::Resolver& resolver, std::vector<DaneHost> hosts,
                                                       std::vector<std::string> reference, async::Deadline deadline);

}  // namespace quartet::relay
