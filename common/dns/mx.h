// Where the mail of a domain goes: RFC 5321 section 5.1, with null MX (RFC 7505).
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "common/dns/resolver.h"

namespace quartet::dns {

enum class Families { kPreferIpv6, kPreferIpv4, kIpv4Only, kIpv6Only };

struct MxHost {
  std::string name;  // lower case, no final dot; "[192.0.2.1]" for an address-literal
  std::uint16_t preference = 0;
  std::vector<std::string> addresses;  // IP addresses as text, to be tried in this order; at least one
  bool authentic = false;              // all its addresses are DNSSEC-validated
  std::string canonical_name = {};     // where they were found, at the end of all aliases
};

struct MxPlan {
  std::string domain;                 // as asked, in lower case
  std::vector<MxHost> hosts;          // to be tried in this order: by preference, equal ones shuffled anew each time
  bool implicit = false;              // no MX record: the domain's own addresses, or an address-literal
  bool authentic = false;             // the MX set (or its absence) is DNSSEC-validated
  SteadyTime expires;                 // when the first of all these records is to be asked for again
  std::string canonical_domain = {};  // where the MX set was found, at the end of all aliases
};

/// Who this host is, so that it never sends to itself. An MX host with one of these names or addresses, and every host
/// of equal or higher preference value, is cut.
struct Self {
  std::vector<std::string> names;
  std::vector<std::string> addresses;  // IP addresses as text
  bool loopback = false;               // all of 127.0.0.0/8 and ::1 are ours
};

struct MxOptions {
  Families families = Families::kPreferIpv6;
  std::size_t max_hosts = 20;  // the best by preference
  std::size_t max_addresses_per_host = 10;
};

/// `domain` is a domain name or an address-literal ("[192.0.2.1]", "[IPv6:2001:db8::1]"). The implicit MX is used only
/// when the domain exists without MX records, never after a failure. If a host's addresses cannot be had for the
/// moment, the other hosts are the plan; if none is left, the error is transient. Resolver and self outlive the task.
async::Task<std::expected<MxPlan, Error>> resolve_mx(Resolver& resolver, std::string domain, const Self& self,
                                                     MxOptions options, async::Deadline deadline);

struct HostAddresses {
  std::vector<std::string> addresses;  // at least one
  bool authentic = false;
  SteadyTime expires;
  std::string canonical_name = {};  // where they were found, at the end of all aliases
};

/// The addresses of one host, such as a smart host: a name (its A and AAAA, never MX) or an IP address as it is.
async::Task<std::expected<HostAddresses, Error>> resolve_host(Resolver& resolver, std::string name, Families families,
                                                              async::Deadline deadline);

}  // namespace quartet::dns
