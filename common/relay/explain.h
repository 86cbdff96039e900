// How mail for one address would travel now: each step that decides. Nothing is delivered and no host is spoken to.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "common/relay/candidates.h"
#include "common/relay/relay.h"
#include "common/relay/tls_choice.h"

namespace quartet::relay {

/// A name whose addresses were looked up.
struct ExplainedName {
  std::string name;
  std::uint16_t preference = 0;  // of its MX record
  std::vector<std::string> addresses;
  bool authentic = false;      // DNSSEC-validated
  std::string canonical_name;  // at the end of all aliases
  std::string failure;         // why it has no address
};

/// An address that would be connected to, and what its TLS would have to be.
struct ExplainedHost {
  Candidate candidate;
  smtp::StartTls starttls = smtp::StartTls::kNever;
  enum class Proof { kNone, kAuthority, kDane };
  Proof proof = Proof::kNone;           // of the server's certificate
  std::optional<spool::Reply> refused;  // why there would be no session with it
};

struct Explanation {
  Router::Decision::Table table = Router::Decision::Table::kMx;
  std::string entry;  // of that table
  NextHop next_hop;   // with the TLS policy that holds for the domain
  struct Link {
    std::string name;
    bool on_request = false;
    bool turned_only = false;
    bool running = false;
    bool attached = false;
  };
  std::optional<Link> link;
  bool mx_implicit = false;
  bool mx_authentic = false;
  std::vector<ExplainedName> names;
  std::optional<Unroutable> failure;  // then what follows is empty
  std::vector<ExplainedHost> hosts;   // in the order in which they would be tried
  std::string site;
  std::optional<Relay::SiteStatus> status;  // if the relay knows the site at present
  std::size_t most_connections = 0;
  std::vector<Suspension> suspensions;  // that withhold it
};

}  // namespace quartet::relay
