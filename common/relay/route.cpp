#include "common/relay/route.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/mime/idna.h"
#include "common/net/address.h"
#include "common/relay/local_hop.h"

namespace quartet::relay {
namespace {

/// `domain` itself and then its parents as ".parent", the most specific first.
template <typename Map>
const typename Map::value_type* find_domain(const Map& map, std::string_view domain) {
  if (const auto exact = map.find(domain); exact != map.end()) return &*exact;
  for (auto dot = domain.find('.'); dot != std::string_view::npos; dot = domain.find('.', dot + 1)) {
    if (const auto parent = map.find(domain.substr(dot)); parent != map.end()) return &*parent;
  }
  return nullptr;
}

/// Whether the DNS can have a host of this name, or a numeric address is written so; it may end with a dot.
bool can_be_host(std::string_view name) {
  constexpr std::size_t kLongestName = 253, kLongestLabel = 63;  // RFC 1035 section 2.3.4
  if (name.ends_with('.')) name.remove_suffix(1);
  const auto alien = [](char c) { return (c >= 0 && c <= ' ') || c == 0x7f || c == '/' || c == '@'; };
  if (name.empty() || name.size() > kLongestName || std::ranges::any_of(name, alien)) return false;
  return std::ranges::all_of(ascii::split(name, '.'),
                             [](std::string_view label) { return !label.empty() && label.size() <= kLongestLabel; });
}

}  // namespace

std::expected<Host, std::string> parse_host(std::string_view text, std::uint16_t default_port) {
  if (text.starts_with("unix:/")) return Host{std::string(text.substr(5)), 0};
  auto name = text;
  auto port = std::optional(default_port);
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::unexpected("a closing ] was expected");
    name = text.substr(1, close - 1);
    if (ascii::istarts_with(name, "IPv6:")) name.remove_prefix(5);
    const auto rest = text.substr(close + 1);
    if (!rest.empty()) port = rest.starts_with(':') ? ascii::to_number<std::uint16_t>(rest.substr(1)) : std::nullopt;
  } else if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
    name = text.substr(0, colon);
    port = ascii::to_number<std::uint16_t>(text.substr(colon + 1));
  }
  if (!can_be_host(name) || !port || *port == 0) {
    return std::unexpected(fmt::format("expected host, host:port, [address]:port or unix:/path, not \"{}\"", text));
  }
  return Host{ascii::lower(name), *port};
}

std::string NextHop::site_key() const {
  static constexpr const char* kTls[] = {"", "+may", "+encrypt", "+verify", "+dane", "+dane-only"};
  static constexpr const char* kSender[] = {"", "+requiretls", "+tls-optional"};
  if (kind == Kind::kPipe) return name_of(*pipe);
  if (kind == Kind::kBatch) return name_of(*batch);
  std::string key = protocol == Protocol::kLmtp ? "lmtp" : "smtp";
  key += kTls[static_cast<int>(tls)];
  key += kSender[static_cast<int>(sender_tls)];
  if (kind == Kind::kMx) return fmt::format("{}:mx:{}", key, mx_port);
  for (const auto& host : hosts) {
    key += fmt::format(":{}/{}", host.name, host.port);
    if (host.tls) key += kTls[static_cast<int>(*host.tls)];
  }
  if (credentials) key += ":" + credentials->user;
  return key;
}

Router::Router(RoutingTable table) : table_(std::move(table)) {
  if (table_.tls_policies.empty()) return;
  for (auto& link : table_.links) apply_tls_policies(link.next_hop);
  for (auto& [match, next_hop] : table_.transports) apply_tls_policies(next_hop);
  for (auto& [domain, next_hop] : table_.local_domains) apply_tls_policies(next_hop);
  for (auto& [login, next_hop] : table_.logins) apply_tls_policies(next_hop);
  for (auto& [sender, next_hop] : table_.senders) apply_tls_policies(next_hop);
  if (table_.smart_host) apply_tls_policies(*table_.smart_host);
}

void Router::apply_tls_policies(NextHop& next_hop) const {
  for (auto& host : next_hop.hosts) {
    if (!host.is_unix()) host.tls = listed(next_hop, host.name);
  }
}

std::optional<TlsPolicy> Router::listed(const NextHop& next_hop, std::string_view name) const {
  const auto* found = find_domain(table_.tls_policies, name);
  if (found == nullptr) return std::nullopt;
  // A password needs what its next hop was configured with, whatever is good enough for mail.
  if (next_hop.credentials && !safe_for_login(found->second)) return std::nullopt;
  return found->second;
}

TlsPolicy Router::tls_of(const NextHop& next_hop, std::string_view domain) const {
  if (table_.tls_policies.empty()) return next_hop.tls;
  return listed(next_hop, domain).value_or(next_hop.tls);
}

std::shared_ptr<const SitePolicy> Router::site_policy(std::string_view name) const {
  if (table_.site_policies.empty()) return nullptr;
  const auto* found = find_domain(table_.site_policies, name);
  return found == nullptr ? nullptr : found->second;
}

const RoutingTable::Link* Router::link_named(std::string_view name) const {
  const auto found = std::ranges::find(table_.links, name, &RoutingTable::Link::name);
  return found != table_.links.end() ? &*found : nullptr;
}

const RoutingTable::Link* Router::link_of(std::string_view domain) const {
  for (const auto& link : table_.links) {
    for (const auto& pattern : link.domains) {
      if (covers(pattern, domain)) return &link;
    }
  }
  return nullptr;
}

const NextHop* Router::route_of(const Sender& sender) const {
  if (!sender.login.empty() && !table_.logins.empty()) {
    if (const auto found = table_.logins.find(ascii::lower(sender.login)); found != table_.logins.end())
      return &found->second;
  }
  if (table_.senders.empty()) return nullptr;
  const auto address = sender.reverse_path.empty() ? "<>" : mime::ascii_address(sender.reverse_path);
  if (const auto found = table_.senders.find(address); found != table_.senders.end()) return &found->second;
  const auto domain = mime::domain_of(address);
  const auto* found = domain.empty() ? nullptr : find_domain(table_.senders, domain);
  return found == nullptr ? nullptr : &found->second;
}

Router::Decision Router::decide(std::string_view recipient, const Sender& sender) const {
  using Table = Decision::Table;
  const auto domain = mime::domain_of(recipient);
  if (const auto* link = link_of(domain)) return {Table::kLink, link->name, &link->next_hop};
  if (const auto exact = table_.transports.find(mime::ascii_address(recipient)); exact != table_.transports.end())
    return {Table::kTransport, exact->first, &exact->second};
  if (const auto* found = find_domain(table_.transports, domain))
    return {Table::kTransport, found->first, &found->second};
  if (const auto* found = find_domain(table_.local_domains, domain))
    return {Table::kLocalDomain, found->first, &found->second};
  if (const auto* next_hop = route_of(sender)) return {Table::kSender, {}, next_hop};
  if (table_.smart_host) return {Table::kSmartHost, {}, &*table_.smart_host};
  return {Table::kMx, {}, &table_.mx};
}

std::optional<NextHop> Router::ordered(std::string_view order) const {
  if (order == "mx") return table_.mx;
  auto host = parse_host(order, 25);
  if (!host) return std::nullopt;
  NextHop next_hop;
  next_hop.kind = NextHop::Kind::kHosts;
  next_hop.hosts.push_back(*std::move(host));
  apply_tls_policies(next_hop);
  return next_hop;
}

bool covers(std::string_view pattern, std::string_view domain) {
  if (pattern.starts_with('.')) return domain.size() > pattern.size() && domain.ends_with(pattern);
  return pattern == domain;
}

}  // namespace quartet::relay
