// A stub resolver over UDP and TCP, on one loop. Each query has a random id and a socket (so a port) of its own, and an
// answer counts only if id and question agree (RFC 5452). Servers are asked in order, the ones that failed lately last;
// a truncated answer is fetched again over TCP; a server that dislikes EDNS0 is asked without.
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/async/deadline.h"
#include "common/async/task.h"
#include "common/dns/cache.h"
#include "common/dns/error.h"
#include "common/net/address.h"

namespace quartet::dns {

struct ResolverOptions {
  std::vector<net::Address> servers;            // at least one
  std::chrono::milliseconds try_timeout{2000};  // for one server's answer; doubled each round, at most 10 s
  int rounds = 3;                               // how often all servers are asked
  bool trust_servers = false;                   // believe AD of servers that are not on loopback, too
  bool rotate = false;                          // start each query with another server

  friend bool operator==(const ResolverOptions&, const ResolverOptions&) = default;
};

/// "192.0.2.53", "192.0.2.53:5353", "[2001:db8::53]:53"; without a port 53.
std::expected<net::Address, std::string> parse_server(std::string_view text);

/// The name servers and options (timeout, attempts, rotate, trust-ad) of a resolv.conf. No file or no server in it
/// means 127.0.0.1 (as resolv.conf(5)). The error names line and fault.
std::expected<ResolverOptions, std::string> read_resolv_conf(const std::string& path = "/etc/resolv.conf");

template <typename T>
struct Records {
  std::vector<T> values;       // at least one
  std::string canonical_name;  // where they were found, at the end of all aliases
  bool authentic = false;      // DNSSEC-validated (AD) by a server we trust
  SteadyTime expires;          // when the answer must be asked for again
};
template <typename T>
using Result = std::expected<Records<T>, Error>;

/// Loop thread only. It outlives its look-ups. At most 8 aliases are followed.
class Resolver {
 public:
  /// `cache` may be shared with the resolvers of other loops.
  Resolver(ResolverOptions options, std::shared_ptr<Cache> cache);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  async::Task<Result<std::string>> a(std::string name, async::Deadline deadline);
  async::Task<Result<std::string>> aaaa(std::string name, async::Deadline deadline);
  async::Task<Result<Mx>> mx(std::string name, async::Deadline deadline);  // as they came: see mx.h for the order
  async::Task<Result<std::string>> txt(std::string name, async::Deadline deadline);
  /// `name` in full, e.g. "_25._tcp.mx.b.example".
  async::Task<Result<Tlsa>> tlsa(std::string name, async::Deadline deadline);
  /// The names of an IP address.
  async::Task<Result<std::string>> ptr(std::string ip, async::Deadline deadline);

  /// Any type; what the look-ups above are made of.
  async::Task<std::expected<std::shared_ptr<const RecordSet>, Error>> lookup(Question question,
                                                                             async::Deadline deadline);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quartet::dns
