#include "common/dns/mx.h"

#include <algorithm>
#include <iterator>
#include <tuple>

#include <fmt/format.h>

#include "common/async/task_group.h"
#include "common/base/ascii.h"
#include "common/dns/codec.h"
#include "common/dns/exchange.h"
#include "common/net/address.h"

namespace quartet::dns {
namespace {

using async::Deadline;
using async::Task;
using HostResult = std::expected<HostAddresses, Error>;

constexpr std::chrono::seconds kAskAgainAfterFailure{60};

Error failure(Code code, std::string_view domain, std::string_view detail = {}) {
  return Error{code, fmt::format("{}: {}", domain, detail.empty() ? to_string(code) : detail), false};
}

std::optional<std::string> ip_of(std::string_view text) {
  const auto address = net::Address::from_ip(text, 0);
  if (!address) return std::nullopt;
  // As the codec has it in AAAA records.
  constexpr std::string_view kMapped = "::ffff:";
  const auto& host = address->host();
  return host.starts_with(kMapped) && host.contains('.') ? host.substr(kMapped.size()) : host;
}

/// RFC 5321 section 4.1.3; nullopt when the brackets hold no IP address.
std::optional<std::string> literal_ip(std::string_view literal) {
  if (!literal.ends_with(']')) return std::nullopt;
  auto inner = literal.substr(1, literal.size() - 2);
  if (!ascii::istarts_with(inner, "IPv6:")) {
    return inner.contains(':') ? std::nullopt : ip_of(inner);
  }
  inner.remove_prefix(5);
  return inner.contains(':') ? ip_of(inner) : std::nullopt;
}

/// No host has the others (RFC 1122 section 3.2.1.3), and a connection to them would end at this one.
bool is_of_a_host(std::string_view address) { return address != "0.0.0.0" && address != "::"; }

/// Of the two families' results one.
HostResult combine(const Result<std::string>* first, const Result<std::string>* second) {
  HostAddresses all{{}, true, SteadyTime::max()};
  const Error* error = nullptr;
  for (const auto* result : {first, second}) {
    if (result == nullptr) continue;
    if (*result) {
      std::ranges::copy_if((*result)->values, std::back_inserter(all.addresses), is_of_a_host);
      all.authentic = all.authentic && (*result)->authentic;
      all.expires = std::min(all.expires, (*result)->expires);
      if (all.canonical_name.empty()) all.canonical_name = (*result)->canonical_name;
    } else if (error == nullptr || !result->error().permanent()) {
      error = &result->error();  // "not for now" outweighs "never"
    }
  }
  if (!all.addresses.empty()) return all;
  return std::unexpected(error != nullptr ? *error : failure(Code::kNoAddress, all.canonical_name));
}

Task<void> resolve_into(Resolver& resolver, const std::string& name, Families families, Deadline deadline,
                        HostResult& result, std::size_t& pending, async::Event& done) {
  result = co_await resolve_host(resolver, name, families, deadline);
  if (--pending == 0) done.set();
}

/// The addresses of all hosts, asked for side by side; the same order as `hosts`.
Task<std::vector<HostResult>> resolve_all(Resolver& resolver, const std::vector<Mx>& hosts, Families families,
                                          Deadline deadline) {
  std::vector<HostResult> results(hosts.size());
  std::size_t pending = hosts.size();
  async::Event done;
  async::TaskGroup group;
  for (std::size_t i = 0; i < hosts.size(); ++i)
    group.spawn(resolve_into(resolver, hosts[i].exchange, families, deadline, results[i], pending, done));
  // The group has a stop state of its own: pass on that we are to stop.
  const auto waited = co_await done.wait(Deadline::never());
  if (waited == async::Wait::kCancelled) group.request_stop();
  co_await group.join();
  co_return results;
}

bool leads_here(const std::string& address, const Self& self) {
  const auto parsed = net::Address::from_ip(address, 0);
  if (self.loopback && parsed && parsed->is_loopback()) return true;
  return std::ranges::any_of(self.addresses, [&](const auto& own) { return ip_of(own) == address; });
}

bool is_self(const MxHost& host, const Self& self) {
  return std::ranges::any_of(self.names, [&](const auto& name) { return ascii::iequals(name, host.name); }) ||
         std::ranges::any_of(host.addresses, [&](const auto& address) { return leads_here(address, self); });
}

/// In the order to try them: by preference, equal ones by lot.
std::vector<Mx> arrange(std::vector<Mx> set) {
  std::vector<std::tuple<std::uint16_t, std::uint32_t, std::string>> drawn;
  for (auto& mx : set) drawn.emplace_back(mx.preference, random_number(), std::move(mx.exchange));
  std::ranges::sort(drawn);
  set.clear();
  for (auto& [preference, lot, exchange] : drawn) set.push_back({preference, std::move(exchange)});
  return set;
}

/// Why no host remains. A better host whose addresses cannot be had for now may be the right one: no loop yet.
Error nothing_left(const MxPlan& plan, const std::vector<Mx>& set, const std::vector<HostResult>& addresses,
                   std::uint32_t own) {
  for (std::size_t i = 0; i < set.size(); ++i)
    if (set[i].preference < own && !addresses[i] && !addresses[i].error().permanent()) return addresses[i].error();
  if (own != UINT32_MAX) return failure(Code::kLoopsBack, plan.domain);
  return plan.implicit ? addresses.front().error() : failure(Code::kNoAddress, plan.domain);
}

/// A host that moves counts on the lifetime of its addresses, which is often shorter than that of the MX set. One that
/// is left out because it cannot be looked up now may be the best of all: it is not done without for long.
SteadyTime expiry_of(const std::vector<HostResult>& addresses) {
  auto first = SteadyTime::max();
  for (const auto& found : addresses) {
    if (found)
      first = std::min(first, found->expires);
    else if (!found.error().permanent())
      first = std::min(first, std::chrono::steady_clock::now() + kAskAgainAfterFailure);
  }
  return first;
}

/// The hosts of `plan` from the MX set, with addresses, without ourselves.
Task<std::expected<MxPlan, Error>> complete(Resolver& resolver, MxPlan plan, std::vector<Mx> set, const Self& self,
                                            MxOptions options, Deadline deadline) {
  set = arrange(std::move(set));
  if (set.size() > options.max_hosts) set.resize(options.max_hosts);
  const auto addresses = co_await resolve_all(resolver, set, options.families, deadline);

  // Our own name counts even when we have no address of the wanted family, or none for the moment.
  std::uint32_t own = UINT32_MAX;
  std::vector<MxHost> hosts;
  for (std::size_t i = 0; i < set.size(); ++i) {
    MxHost host{set[i].exchange, set[i].preference, {}, false};
    if (const auto& found = addresses[i])
      host = {host.name, host.preference, found->addresses, found->authentic, found->canonical_name};
    if (is_self(host, self)) own = std::min<std::uint32_t>(own, host.preference);
    if (addresses[i]) hosts.push_back(std::move(host));
  }
  std::erase_if(hosts, [own](const MxHost& host) { return host.preference >= own; });
  if (hosts.empty()) co_return std::unexpected(nothing_left(plan, set, addresses, own));
  plan.expires = std::min(plan.expires, expiry_of(addresses));
  for (auto& host : hosts)
    if (host.addresses.size() > options.max_addresses_per_host) host.addresses.resize(options.max_addresses_per_host);
  plan.hosts = std::move(hosts);
  co_return plan;
}

}  // namespace

Task<std::expected<HostAddresses, Error>> resolve_host(Resolver& resolver, std::string name, Families families,
                                                       Deadline deadline) {
  if (auto ip = ip_of(name)) co_return HostAddresses{{*ip}, false, SteadyTime::max(), name};
  std::optional<Result<std::string>> v4, v6;
  if (families != Families::kIpv6Only) {
    auto found = co_await resolver.a(name, deadline);
    v4 = std::move(found);
  }
  if (families != Families::kIpv4Only) {
    auto found = co_await resolver.aaaa(name, deadline);
    v6 = std::move(found);
  }
  const auto* const first = v4 ? &*v4 : nullptr;
  const auto* const second = v6 ? &*v6 : nullptr;
  co_return families == Families::kPreferIpv6 ? combine(second, first) : combine(first, second);
}

Task<std::expected<MxPlan, Error>> resolve_mx(Resolver& resolver, std::string domain, const Self& self,
                                              MxOptions options, Deadline deadline) {
  MxPlan plan{ascii::lower(domain), {}, false, false, SteadyTime::max()};
  if (domain.starts_with('[')) {
    const auto ip = literal_ip(domain);
    if (!ip) co_return std::unexpected(failure(Code::kBadName, domain, "not an address-literal"));
    if (!is_of_a_host(*ip)) co_return std::unexpected(failure(Code::kNoAddress, domain));
    plan.implicit = true;
    plan.hosts.push_back({std::move(domain), 0, {*ip}, false});
    if (is_self(plan.hosts.front(), self)) co_return std::unexpected(failure(Code::kLoopsBack, plan.domain));
    co_return plan;
  }
  const auto found = co_await resolver.mx(domain, deadline);
  std::vector<Mx> set;
  if (found) {
    plan.authentic = found->authentic;
    plan.expires = found->expires;
    plan.canonical_domain = found->canonical_name;
    set = found->values;
    if (set.size() == 1 && set.front().exchange == ".") co_return std::unexpected(failure(Code::kNullMx, plan.domain));
    // Beside real hosts a "." is an error of the domain's owner (RFC 7505 section 3) and names no host.
    std::erase_if(set, [](const Mx& mx) { return mx.exchange == "."; });
    if (set.empty()) co_return std::unexpected(failure(Code::kNullMx, plan.domain));
  } else if (found.error().code == Code::kNoData) {
    plan.implicit = true;
    plan.authentic = found.error().authentic;
    set.push_back({0, *canonical_name(domain)});
  } else {
    co_return std::unexpected(found.error());
  }
  co_return co_await complete(resolver, std::move(plan), std::move(set), self, options, deadline);
}

}  // namespace quartet::dns
