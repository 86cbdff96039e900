#include "common/service/settings.h"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <sys/socket.h>

#include <set>

#include "common/base/ascii.h"
#include "common/base/scope.h"
#include "common/mime/idna.h"
#include "common/service/grants.h"
#include "common/service/process.h"
#include "common/service/site_policies.h"
#include "common/smtp/path.h"

namespace quartet::service {
namespace {

constexpr std::uint32_t kMostThreads = 256;
constexpr std::uint64_t kDefaultMemory = 256u << 20;

void check_address(Checker& checker, const google::protobuf::Message& owner, std::string_view field,
                   const std::string& text) {
  if (text.empty()) return;
  if (const auto address = net::Address::parse(text); !address) checker.fault(owner, field, address.error());
}

/// The addresses of all interfaces, for listeners on 0.0.0.0 and [::].
std::vector<std::string> interface_addresses() {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return {};
  const ScopeExit release([first] { freeifaddrs(first); });
  std::vector<std::string> out;
  for (const auto* entry = first; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    const auto family = entry->ifa_addr->sa_family;
    if (family == AF_INET || family == AF_INET6) out.push_back(net::Address::from_sockaddr(*entry->ifa_addr).host());
  }
  return out;
}

bool is_wildcard(const net::Address& address) { return address.host() == "0.0.0.0" || address.host() == "::"; }

/// "unix:/path", or a name or an IP address with a port.
bool is_target(const std::string& text) {
  if (text.starts_with("unix:/")) return true;
  const auto colon = text.rfind(':');
  return colon != std::string::npos && colon != 0 &&
         ascii::to_number<std::uint16_t>(text.substr(colon + 1)).value_or(0) != 0;
}

void check_peers(Checker& checker, const v1::Control& control) {
  std::set<std::string> names;
  for (const auto& peer : control.peer()) {
    const auto at = peer.name().find('@');
    if (at == std::string::npos || at == 0 || at + 1 == peer.name().size())
      checker.fault(peer, "name", "expected an agent and its hostname, such as \"mta@mx.b.example\"");
    if (!names.insert(ascii::lower(peer.name())).second) checker.fault(peer, "name", "is another peer's, too");
    if (!is_target(peer.address()))
      checker.fault(peer, "address", "expected \"unix:/path\" or \"host:port\"");
    else if (!peer.address().starts_with("unix:") && control.tls().certificate().empty())
      checker.fault(peer, "address", "needs a certificate to show: see `control.tls`");
  }
}

/// Peers are shown the certificate of `tls`, and have to show one of `peer_ca`, or of `client_ca` in its place.
void check_peer_tls(Checker& checker, const v1::Control& control) {
  const auto by_tls = [](const v1::ControlPeer& peer) { return !peer.address().starts_with("unix:"); };
  if (!std::ranges::any_of(control.peer(), by_tls) || control.tls().certificate().empty()) return;
  const bool own = !control.peer_ca().empty();
  const auto made = tls::ClientContext::make(
      {true, own ? control.peer_ca() : control.client_ca(), control.tls().certificate(), control.tls().key()});
  if (!made) checker.fault(control, own ? "peer_ca" : "tls", made.error());
}

}  // namespace

std::string hostname(const v1::Agent& agent) { return agent.hostname().empty() ? system_hostname() : agent.hostname(); }

void check_agent(Checker& checker, const v1::Agent& agent) {
  if (const auto name = hostname(agent); !smtp::is_domain(name, false))
    checker.fault(agent, "hostname", fmt::format("\"{}\" is no domain name", name));
  check_address(checker, agent, "metrics", agent.metrics());
  if (agent.threads() > kMostThreads) checker.fault(agent, "threads", fmt::format("at most {}", kMostThreads));
  const auto& control = agent.control();
  const auto& mode = control.socket_mode();
  if (!mode.empty() && (mode.size() > 4 || mode.find_first_not_of("01234567") != mode.npos))
    checker.fault(control, "socket_mode", "expected permissions in octal, such as \"0600\"");
  check_address(checker, control, "address", control.address());
  grants(control, [&checker](const auto& role, std::string_view field, std::string text, int index) {
    checker.fault(role, field, std::move(text), index);
  });
  check_peers(checker, control);
  check_peer_tls(checker, control);
  if (control.address().empty()) return;
  if (control.client_ca().empty()) checker.fault(control, "client_ca", "is required with an address");
  checker.require(control, "tls", control.tls().certificate());
  server_tls(checker, control, control.tls(), control.client_ca());
}

std::vector<ListenerSpec> listeners(Checker& checker, const google::protobuf::Message& owner,
                                    const google::protobuf::RepeatedPtrField<v1::Listener>& listeners) {
  std::vector<ListenerSpec> out;
  for (const auto& listener : listeners) {
    const auto address = net::Address::parse(listener.address());
    if (!address)
      checker.fault(listener, "address", address.error());
    else
      out.push_back({*address, listener.implicit_tls(),
                     networks(checker, listener, "proxy_protocol", listener.proxy_protocol())});
  }
  if (listeners.empty()) checker.fault(owner, "listener", "at least one is required");
  return out;
}

std::shared_ptr<const tls::ServerContext> server_tls(Checker& checker, const google::protobuf::Message& owner,
                                                     const v1::Tls& tls, const std::string& client_ca) {
  if (tls.certificate().empty() && tls.key().empty()) {
    if (!client_ca.empty()) checker.fault(owner, "client_ca", "needs a certificate: see `tls`");
    return nullptr;
  }
  auto context = tls::ServerContext::load({tls.certificate(), tls.key(), client_ca, false});
  if (context) return *std::move(context);
  checker.fault(owner, "tls", context.error());
  return nullptr;
}

directory::DirectoryPtr load_directory(Checker& checker, const google::protobuf::Message& owner,
                                       const std::string& path) {
  if (path.empty()) {
    checker.fault(owner, "directory", "is required");
    return nullptr;
  }
  auto loaded = directory::load(path);
  if (loaded) return *std::move(loaded);
  checker.add(std::move(loaded.error()));
  return nullptr;
}

std::vector<std::string> without_postmaster(const directory::Directory& directory) {
  std::vector<std::string> out;
  for (const auto& domain : directory.domains()) {
    if (directory.resolve("postmaster@" + domain).kind == directory::Resolution::Kind::kUnknownUser)
      out.push_back(domain);
  }
  return out;
}

smtp::ServerLimits limits(const v1::Limits& limits) {
  smtp::ServerLimits out;
  if (limits.message_size() != 0) out.message_size = limits.message_size();
  if (limits.recipients() != 0) out.recipients = limits.recipients();
  if (limits.transactions() != 0) out.transactions = limits.transactions();
  return out;
}

bool offers(const google::protobuf::RepeatedField<int>& withheld, v1::Extension extension) {
  return std::ranges::find(withheld, static_cast<int>(extension)) == withheld.end();
}

std::size_t hops(const v1::Limits& limits) { return limits.hops() != 0 ? limits.hops() : 50; }

std::size_t connections_per_client(const v1::Limits& limits) {
  return limits.connections_per_client() != 0 ? limits.connections_per_client() : 50;
}

std::string too_many_connections(const v1::Agent& agent) {
  return fmt::format("421 4.7.0 {} Too many connections from your address\r\n", hostname(agent));
}

std::uint64_t memory(Checker& checker, const google::protobuf::Message& owner, std::uint64_t memory,
                     std::uint64_t largest) {
  if (memory == 0) return std::max(kDefaultMemory, 4 * largest);
  if (memory < largest) checker.fault(owner, "memory", fmt::format("at least one message: {}", largest));
  return memory;
}

std::uint64_t memory(Checker& checker, const v1::Limits& source) {
  return memory(checker, source, source.memory(), limits(source).message_size);
}

std::vector<net::Network> networks(Checker& checker, const google::protobuf::Message& owner, std::string_view field,
                                   const google::protobuf::RepeatedPtrField<std::string>& values) {
  std::vector<net::Network> out;
  for (int i = 0; i < values.size(); ++i) {
    auto network = net::Network::parse(values[i]);
    if (network)
      out.push_back(*std::move(network));
    else
      checker.fault(owner, field, network.error(), i);
  }
  return out;
}

bool contains(const std::vector<net::Network>& networks, const net::Address& address) {
  return std::ranges::any_of(networks, [&address](const net::Network& network) { return network.contains(address); });
}

bool is_domain_pattern(std::string_view text) {
  return smtp::is_domain(text.starts_with('.') ? text.substr(1) : text, true);
}

relay::TlsPolicy tls_policy(v1::NextHop::TlsPolicy policy, relay::TlsPolicy otherwise) {
  switch (policy) {
    case v1::NextHop::NONE:
      return relay::TlsPolicy::kNone;
    case v1::NextHop::MAY:
      return relay::TlsPolicy::kMay;
    case v1::NextHop::ENCRYPT:
      return relay::TlsPolicy::kEncrypt;
    case v1::NextHop::VERIFY:
      return relay::TlsPolicy::kVerify;
    case v1::NextHop::DANE:
      return relay::TlsPolicy::kDane;
    case v1::NextHop::DANE_ONLY:
      return relay::TlsPolicy::kDaneOnly;
    default:
      return otherwise;
  }
}

decltype(relay::RoutingTable::tls_policies) tls_policies(Checker& checker, const v1::Sending& sending) {
  decltype(relay::RoutingTable::tls_policies) out;
  for (const auto& rule : sending.tls_policy()) {
    auto match = mime::ascii_domain(rule.match());
    if (!is_domain_pattern(match)) checker.fault(rule, "match", "expected \"domain\" or \".domain\"");
    if (rule.policy() == v1::NextHop::TLS_UNSPECIFIED) checker.fault(rule, "policy", "is required");
    if (!out.try_emplace(std::move(match), tls_policy(rule.policy(), relay::TlsPolicy::kMay)).second)
      checker.fault(rule, "match", "has a policy already");
  }
  return out;
}

relay::NextHop next_hop(Checker& checker, const v1::NextHop& hop, bool mx_allowed) {
  relay::NextHop out;
  out.protocol = hop.protocol() == v1::NextHop::LMTP ? relay::Protocol::kLmtp : relay::Protocol::kSmtp;
  out.kind = hop.host().empty() ? relay::NextHop::Kind::kMx : relay::NextHop::Kind::kHosts;
  if (hop.host().empty() && !mx_allowed) checker.fault(hop, "host", "at least one is required");
  bool all_unix = !hop.host().empty();
  for (int i = 0; i < hop.host_size(); ++i) {
    auto host = relay::parse_host(hop.host(i), out.protocol == relay::Protocol::kLmtp ? 24 : 25);
    if (!host) {
      checker.fault(hop, "host", host.error(), i);
      continue;
    }
    all_unix = all_unix && host->is_unix();
    out.hosts.push_back(*std::move(host));
  }
  out.shuffle = hop.share_load();
  const auto otherwise = !hop.login().empty() ? relay::TlsPolicy::kVerify
                         : all_unix           ? relay::TlsPolicy::kNone
                                              : relay::TlsPolicy::kMay;
  out.tls = tls_policy(hop.tls(), otherwise);
  if (hop.login().empty()) return out;
  if (!relay::safe_for_login(out.tls))
    checker.fault(hop, "tls", "a login needs ENCRYPT, VERIFY or DANE_ONLY: the password must not go in clear");
  out.credentials = relay::Credentials{hop.login(), hop.password()};
  return out;
}

namespace {

void read_dns(Checker& checker, const v1::Dns& dns, relay::Options& options) {
  options.lookup.families = families(dns.families(), options.lookup.families);
  for (int i = 0; i < dns.server_size(); ++i) {
    auto server = dns::parse_server(dns.server(i));
    if (server)
      options.resolver.servers.push_back(*std::move(server));
    else
      checker.fault(dns, "server", server.error(), i);
  }
  if (dns.server_size() == 0) {
    auto found = dns::read_resolv_conf();
    if (found)
      options.resolver = *std::move(found);
    else
      checker.fault(dns, "server", found.error());
  }
  options.resolver.trust_servers = options.resolver.trust_servers || dns.trusted();
}

relay::TlsContexts tls_contexts(Checker& checker, const v1::Sending& sending) {
  relay::TlsContexts out;
  const auto& own = sending.client_certificate();
  auto any = tls::ClientContext::make({false, {}, own.certificate(), own.key()});
  if (any) {
    out.any = *std::move(any);
  } else {
    checker.fault(sending, "client_certificate", any.error());
    return out;
  }
  auto verified = tls::ClientContext::make({true, sending.ca(), own.certificate(), own.key()});
  if (verified)
    out.verified = *std::move(verified);
  else
    checker.fault(sending, "ca", verified.error());
  return out;
}

}  // namespace

std::optional<sts::FinderOptions> sts_options(Checker& checker, const v1::Sending& sending, const std::string& spool) {
  const auto port = sending.mta_sts_port();
  if (port > 65535) checker.fault(sending, "mta_sts_port", "at most 65535");
  if (!sending.mta_sts()) return std::nullopt;
  sts::FinderOptions out;
  out.directory = std::filesystem::path(spool) / "mta-sts";
  out.fetch.https.ca = sending.ca();
  if (port != 0) out.fetch.port = static_cast<std::uint16_t>(port);
  return out;
}

namespace {

std::optional<mime::DkimSigner> dkim_signer(Checker& checker, const v1::Dkim& dkim, std::string domain) {
  if (dkim.selector().empty()) checker.fault(dkim, "selector", "is required");
  auto key = crypto::SigningKey::load(dkim.key());
  if (!key) {
    checker.fault(dkim, "key", key.error());
    return std::nullopt;
  }
  return mime::DkimSigner{std::move(domain), dkim.selector(), *std::move(key)};
}

}  // namespace

std::optional<relay::TlsReportOptions> tls_report_options(Checker& checker, const v1::Sending& sending,
                                                          const std::string& hostname, const std::string& spool) {
  if (!sending.has_tls_report()) return std::nullopt;
  const auto& source = sending.tls_report();
  const auto domain = mime::domain_of(source.sender());
  if (domain.empty() || source.sender().front() == '@')
    checker.fault(source, "sender", "expected an address such as \"tls-reports@example.org\"");
  const auto or_else = [](const std::string& text, const std::string& other) { return text.empty() ? other : text; };
  relay::TlsReportOptions out;
  out.directory = std::filesystem::path(spool) / "tls-reports";
  out.author = {.hostname = hostname,
                .organization = or_else(source.organization(), domain),
                .contact = or_else(source.contact(), source.sender()),
                .sender = source.sender()};
  if (source.has_dkim()) out.author.dkim = dkim_signer(checker, source.dkim(), domain);
  if (source.period_seconds() != 0) out.period = std::chrono::seconds(source.period_seconds());
  out.https.ca = sending.ca();
  return out;
}

relay::Options relay_options(Checker& checker, const v1::Sending& sending, const std::string& hostname,
                             const std::vector<ListenerSpec>& listening,
                             const google::protobuf::RepeatedPtrField<std::string>& own) {
  relay::Options options;
  options.hostname = hostname;
  options.notices.hostname = hostname;
  options.lookup.self.names = {ascii::lower(hostname)};
  for (const auto& listener : listening) {
    if (listener.address.is_unix()) continue;
    auto& addresses = options.lookup.self.addresses;
    if (is_wildcard(listener.address)) {
      const auto all = interface_addresses();
      addresses.insert(addresses.end(), all.begin(), all.end());
      options.lookup.self.loopback = true;  // interfaces have 127.0.0.1 only
    } else {
      addresses.push_back(listener.address.host());
    }
  }
  options.lookup.self.addresses.insert(options.lookup.self.addresses.end(), own.begin(), own.end());
  read_dns(checker, sending.dns(), options);
  options.retry = retry_schedule(checker, sending.retry(), std::move(options.retry));
  if (const auto after = sending.retry().delay_notice_seconds(); after != 0)
    options.notices.delay_after = std::chrono::seconds(after);
  options.source_addresses = source_addresses(checker, sending, sending.source_address());
  if (sending.connections_per_site() != 0) {
    auto& concurrency = options.site.concurrency;
    concurrency.maximum = sending.connections_per_site();
    concurrency.initial = std::min(concurrency.initial, concurrency.maximum);
  }
  if (sending.connections() != 0) options.connections = sending.connections();
  if (sending.ready_recipients() != 0) options.ready_recipients = sending.ready_recipients();
  options.tls = tls_contexts(checker, sending);
  return options;
}

}  // namespace quartet::service
