// A connection to a destination as delivery would open it, for an operator who wants to see what happens there. No
// message is sent, and the site's state stays as it is.
#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "common/net/stream.h"
#include "common/smtp/reply.h"

namespace quartet::relay {

struct Probe {
  enum class Depth {
    kConnect,  // the connection alone
    kEhlo,     // and greeting and capabilities, in clear text
    kTls,      // and all that comes before a delivery: STARTTLS by policy, a login
    kRcpt,     // and MAIL with the null sender, RCPT, RSET
  };
  std::string destination;  // a site by its key, a domain, or an address
  Depth depth = Depth::kTls;
  std::string recipient{};  // for kRcpt; empty: the address, or postmaster of the domain
};

/// What was seen, in the order of events.
struct ProbeStep {
  enum class Phase {
    kRoute,    // hosts are known, or why there are none
    kConnect,  // to `host`, of which all that follows is
    kReply,    // of the server to `command`; "" for the greeting
    kTls,      // the handshake
    kEnd,      // with this host
  };
  Phase phase = Phase::kEnd;
  std::string host{};     // name and address
  std::string command{};  // its verb
  std::optional<smtp::Reply> reply{};
  std::optional<net::TlsInfo> tls{};
  std::string failure{};              // empty: it went well
  std::string text{};                 // more for people
  std::chrono::microseconds took{0};  // since the step before
};

using ProbeListener = std::move_only_function<void(ProbeStep)>;

}  // namespace quartet::relay
