// Where a recipient goes next, from the configured tables alone: no DNS, no clock. First match wins, in this order:
// link domains, transport table (address, domain, parent domains), local domains, sender routes (login, address,
// domain, parent domains), smart hosts, MX look-up.
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/ascii.h"

namespace quartet::relay {

struct SitePolicy;

enum class Protocol { kSmtp, kLmtp };

enum class TlsPolicy {
  kNone,      // never STARTTLS
  kMay,       // when offered; the certificate is not checked (opportunistic)
  kEncrypt,   // always; the certificate is not checked
  kVerify,    // always; the certificate must be valid for the host's name
  kDane,      // as the host's TLSA records say (RFC 7672); without any as kMay
  kDaneOnly,  // as the host's TLSA records say; without usable ones there is no delivery
};

/// What the sender wants of TLS (RFC 8689).
enum class SenderTls {
  kUsual,
  kRequired,  // REQUIRETLS: only to hosts that are verified, by names that nobody can forge, and that offer it as well
  kOptional,  // "TLS-Required: No": in clear rather than not at all, whatever the recipient's side publishes
};

/// What a policy becomes by that. What the operator demands of a host stays.
constexpr TlsPolicy adjusted(TlsPolicy policy, SenderTls wish) {
  const bool strict = policy == TlsPolicy::kVerify || policy == TlsPolicy::kDaneOnly;
  if (wish == SenderTls::kRequired && !strict) return TlsPolicy::kDane;
  return wish == SenderTls::kOptional && policy == TlsPolicy::kDane ? TlsPolicy::kMay : policy;
}

constexpr bool by_dane(TlsPolicy policy) { return policy == TlsPolicy::kDane || policy == TlsPolicy::kDaneOnly; }

/// Whether it takes what it gets, so that a domain may ask for more by MTA-STS.
constexpr bool opportunistic(TlsPolicy policy) { return policy == TlsPolicy::kMay || policy == TlsPolicy::kDane; }

/// Whether no password goes out in clear text or to whoever answers without TLS.
constexpr bool safe_for_login(TlsPolicy policy) {
  return policy == TlsPolicy::kEncrypt || policy == TlsPolicy::kVerify || policy == TlsPolicy::kDaneOnly;
}

/// A host name, an IP address without brackets, or the path of a UNIX socket (port 0).
struct Host {
  std::string name;
  std::uint16_t port = 0;
  std::optional<TlsPolicy> tls = std::nullopt;  // set by the router: what its table of policies says of this host
  bool is_unix() const { return !name.empty() && name.front() == '/'; }
  friend bool operator==(const Host&, const Host&) = default;
};

/// Reads "host", "host:port", "[2001:db8::1]:port", "unix:/path"; the error says what was expected.
std::expected<Host, std::string> parse_host(std::string_view text, std::uint16_t default_port);

struct Credentials {
  std::string user;
  std::string password;
};

struct PipeCommand;
struct BatchDrop;

/// What to do with a recipient.
struct NextHop {
  enum class Kind {
    kHosts,    // the listed hosts, in order (fail-over)
    kMx,       // the MX hosts of the recipient's domain
    kPipe,     // a program takes it
    kBatch,    // a file for a gateway, in batch SMTP
    kHold,     // keep until an operator or a remote start releases it
    kDiscard,  // drop without a notice
    kError,    // bounce with `error`
  };
  Kind kind = Kind::kMx;
  Protocol protocol = Protocol::kSmtp;
  std::vector<Host> hosts;
  bool shuffle = false;  // load sharing: the hosts in random order instead of fail-over
  std::uint16_t mx_port = 25;
  TlsPolicy tls = TlsPolicy::kMay;
  SenderTls sender_tls = SenderTls::kUsual;  // set for a message
  std::optional<Credentials> credentials;
  std::string error;                        // e.g. "5.7.1 not accepted here"
  std::shared_ptr<const PipeCommand> pipe;  // for kPipe
  std::shared_ptr<const BatchDrop> batch;   // for kBatch

  /// Equal for next hops that share connections and limits; for kMx it still lacks the domain's MX set.
  std::string site_key() const;
};

/// Who sends: decides for recipients that no table names.
struct Sender {
  std::string_view reverse_path = {};  // empty: the null sender
  std::string_view login = {};         // empty: nobody logged in
};

/// The tables; domains in lower case.
struct RoutingTable {
  struct Link {
    std::string name;
    std::vector<std::string> domains;  // "x.org", or ".x.org" for everything below it
    NextHop next_hop;
    bool on_request = false;   // nothing is tried by itself: the mail waits until the site (or an operator) starts it
    bool turned_only = false;  // no route of ours leads there: mail goes over connections that the site opens (ATRN)
    std::chrono::seconds min_interval{0};  // between two starts
  };
  std::vector<Link> links;
  std::unordered_map<std::string, NextHop, ascii::Hash, std::equal_to<>> transports;  // "a@x.org", "x.org", ".x.org"
  std::unordered_map<std::string, NextHop, ascii::Hash, std::equal_to<>> local_domains;
  std::unordered_map<std::string, NextHop, ascii::Hash, std::equal_to<>> logins;   // lower case
  std::unordered_map<std::string, NextHop, ascii::Hash, std::equal_to<>> senders;  // "a@x.org", "x.org", ".x.org", "<>"
  std::optional<NextHop> smart_host;
  NextHop mx;  // for all the rest
  /// Of recipients' domains where MX records decide, else of hosts by their name: "x.org", ".x.org".
  std::unordered_map<std::string, TlsPolicy, ascii::Hash, std::equal_to<>> tls_policies;
  /// Of recipients' domains, else of hosts by their name.
  std::unordered_map<std::string, std::shared_ptr<const SitePolicy>, ascii::Hash, std::equal_to<>> site_policies;
};

class Router {
 public:
  explicit Router(RoutingTable table);

  /// What decides for a recipient, and how. It lives as long as the router.
  struct Decision {
    enum class Table { kLink, kTransport, kLocalDomain, kSender, kSmartHost, kMx };
    Table table = Table::kMx;
    std::string_view entry;  // of the table: the name of a link, or what matched ("a@x.org", "x.org", ".x.org")
    const NextHop* next_hop = nullptr;
  };
  /// `recipient` is a mailbox "local@domain".
  Decision decide(std::string_view recipient, const Sender& sender = {}) const;
  /// The next hop of decide(). The reference lives as long as the router.
  const NextHop& route(std::string_view recipient, const Sender& sender = {}) const {
    return *decide(recipient, sender).next_hop;
  }

  /// Where an operator's word leads in place of the tables: "mx", or a host as parse_host() has it, by SMTP and without
  /// a login. nullopt if it makes no sense.
  std::optional<NextHop> ordered(std::string_view order) const;

  /// The policy for hosts of `next_hop` that MX records of `domain` name.
  TlsPolicy tls_of(const NextHop& next_hop, std::string_view domain) const;

  /// The policy of sites for a domain or a host with this name; null if it has none of its own.
  std::shared_ptr<const SitePolicy> site_policy(std::string_view name) const;

  /// The link of this name; null if there is none.
  const RoutingTable::Link* link_named(std::string_view name) const;
  /// The link that owns `domain`, if any.
  const RoutingTable::Link* link_of(std::string_view domain) const;
  const RoutingTable& table() const { return table_; }

 private:
  void apply_tls_policies(NextHop& next_hop) const;
  const NextHop* route_of(const Sender& sender) const;
  std::optional<TlsPolicy> listed(const NextHop& next_hop, std::string_view name) const;

  RoutingTable table_;
};

/// Whether `pattern`, "x.org" or ".x.org" (all below it), has `domain`.
bool covers(std::string_view pattern, std::string_view domain);

}  // namespace quartet::relay
