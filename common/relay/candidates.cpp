#include "common/relay/candidates.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "common/log/log.h"
#include "common/relay/transport.h"

namespace quartet::relay {
namespace {

using Result = std::expected<Candidates, Unroutable>;

constexpr auto kLookForPolicy = std::chrono::hours(1);

/// RFC 7504, RFC 7505 and RFC 3463 section 3.5: what each failure of the DNS means to the mail.
Unroutable unroutable(const dns::Error& error) {
  switch (error.code) {
    case dns::Code::kNoSuchDomain:
    case dns::Code::kBadName:
      return {true, "5.1.2", error.detail};
    case dns::Code::kNullMx:
      return {true, "5.1.10", error.detail};
    case dns::Code::kLoopsBack:
    case dns::Code::kCnameLoop:
      return {true, "5.4.6", error.detail};
    case dns::Code::kNoData:
    case dns::Code::kNoAddress:
      return {true, "5.4.4", error.detail};
    case dns::Code::kScarce:
      return {false, "4.3.0", error.detail, true};
    case dns::Code::kServerFailed:
    case dns::Code::kTimedOut:
    case dns::Code::kNetwork:
    case dns::Code::kCancelled:
      break;
  }
  return {false, "4.4.3", error.detail};
}

void add_addresses(std::vector<Candidate>& out, const Candidate& host, const std::vector<std::string>& addresses,
                   std::uint16_t port) {
  for (const auto& text : addresses) {
    if (auto address = net::Address::from_ip(text, port))
      out.push_back({host.name, *std::move(address), host.tls, host.dane, host.sts, host.sts_finding, host.sender_tls,
                     host.own, host.proved_name});
  }
}

/// RFC 7672 section 3.2.2: with DANE-TA(2) a certificate may be for the domain itself, and so is good for no other.
bool names_matter(const std::vector<DaneFinding>& findings) {
  return std::ranges::any_of(findings, [](const DaneFinding& finding) {
    return std::ranges::find(finding.dane.records, tls::kDaneTa, &tls::TlsaRecord::usage) != finding.dane.records.end();
  });
}

/// What the DNS says of the TLS of all hosts of a plan, in their order.
async::Task<std::vector<DaneFinding>> find_dane_of_plan(dns::Resolver& resolver, const dns::MxPlan& plan,
                                                        std::uint16_t port, async::Deadline deadline) {
  std::vector<DaneHost> hosts;
  for (const auto& host : plan.hosts)
    hosts.push_back({host.name, host.canonical_name, port, host.authentic, plan.authentic});
  std::vector<std::string> reference;
  if (!plan.implicit) reference.push_back(plan.domain);
  if (!plan.canonical_domain.empty() && plan.canonical_domain != plan.domain)
    reference.push_back(plan.canonical_domain);
  co_return co_await find_dane_of_all(resolver, std::move(hosts), std::move(reference), deadline);
}

Sts sts_of_host(const sts::Policy* policy, const std::string& domain, const std::string& host) {
  const auto out = sts_of(policy, host);
  if (policy != nullptr && out == Sts::kNone)
    log::warn("relay.sts_testing",
              {{"domain", domain}, {"host", host}, {"reason", "the policy does not name this host"}});
  return out;
}

/// For the key of a site.
std::string_view suffix_of(Sts sts) {
  static constexpr std::string_view kSuffixes[] = {"", "+testing", "+enforce", "+refused"};
  return kSuffixes[static_cast<int>(sts)];
}

using RankedName = std::pair<std::uint16_t, std::string>;

/// For the key of a site. Domains that share their MX hosts share it, in whatever order their records came, but only if
/// they prefer the same ones: mail takes any connection of its site (RFC 5321 section 5.1). "," is between equal ones.
std::string in_order(std::vector<RankedName> names) {
  std::ranges::sort(names);
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    out += i != 0 && names[i].first == names[i - 1].first ? "," : ":";
    out += names[i].second;
  }
  return out;
}

async::Task<Result> mx_candidates(dns::Resolver& resolver, const NextHop& next_hop, std::string domain,
                                  const LookupOptions& options) {
  const auto deadline = async::Deadline::after(options.timeout);
  auto plan =
      co_await dns::resolve_mx(resolver, std::move(domain), options.self, {.families = options.families}, deadline);
  if (!plan) co_return std::unexpected(unroutable(plan.error()));
  Candidates found{.hosts = {}, .site = next_hop.site_key(), .expires = plan->expires, .sts = {}};
  std::vector<DaneFinding> findings;
  if (by_dane(next_hop.tls)) findings = co_await find_dane_of_plan(resolver, *plan, next_hop.mx_port, deadline);
  const bool required = next_hop.sender_tls == SenderTls::kRequired;
  const bool sts_counts = next_hop.sender_tls != SenderTls::kOptional && (required || opportunistic(next_hop.tls));
  if (options.sts != nullptr && sts_counts) {
    found.sts = co_await options.sts->find(resolver, plan->domain, deadline);
    found.expires = std::min(found.expires, std::chrono::steady_clock::now() + kLookForPolicy);
  }
  std::vector<RankedName> names;
  for (std::size_t i = 0; i < plan->hosts.size(); ++i) {
    const auto& host = plan->hosts[i];
    Candidate candidate{
        host.name, {}, next_hop.tls, nullptr, sts_of_host(found.sts.policy.get(), plan->domain, host.name), found.sts};
    candidate.sender_tls = next_hop.sender_tls;
    // A policy that is only tested proves nothing, and the domain itself is no name that the DNS gave us.
    candidate.proved_name = plan->authentic || plan->implicit || candidate.sts == Sts::kEnforce;
    if (!findings.empty()) {
      candidate.dane = std::make_shared<const DaneFinding>(findings[i]);
      found.expires = std::min(found.expires, findings[i].expires);
    }
    add_addresses(found.hosts, candidate, host.addresses, next_hop.mx_port);
    names.emplace_back(host.preference, host.name + std::string(suffix_of(candidate.sts)));
  }
  found.site += in_order(std::move(names));
  // But mail for a domain that is signed never goes by what an unsigned one says of its hosts.
  if ((by_dane(next_hop.tls) || required) && plan->authentic) found.site += "+signed";
  if (names_matter(findings)) found.site += "|" + plan->domain;
  co_return found;
}

async::Task<Result> host_candidates(dns::Resolver& resolver, const NextHop& next_hop, const LookupOptions& options) {
  // Addresses given as they are never change; ten minutes bound how long a vanished name stays in use.
  Candidates found{.hosts = {},
                   .site = next_hop.site_key(),
                   .expires = std::chrono::steady_clock::now() + std::chrono::minutes(10),
                   .sts = {}};
  Unroutable failure{false, "4.4.4", "no host is configured"};
  for (const auto& host : next_hop.hosts) {
    Candidate candidate{host.name, {}, host.tls.value_or(next_hop.tls)};
    candidate.sender_tls = next_hop.sender_tls;
    if (host.is_unix()) {
      if (auto address = net::Address::parse("unix:" + host.name)) {
        candidate.address = *std::move(address);
        found.hosts.push_back(std::move(candidate));
      }
      continue;
    }
    const auto deadline = async::Deadline::after(options.timeout);
    auto addresses = co_await dns::resolve_host(resolver, host.name, options.families, deadline);
    if (!addresses) {
      failure = unroutable(addresses.error());
      continue;
    }
    candidate.tls = adjusted(candidate.tls, next_hop.sender_tls);
    if (by_dane(candidate.tls)) {
      DaneHost wanted{host.name, addresses->canonical_name, host.port, addresses->authentic};
      auto finding = co_await find_dane(resolver, std::move(wanted), {}, deadline);
      found.expires = std::min(found.expires, finding.expires);
      candidate.dane = std::make_shared<const DaneFinding>(std::move(finding));
    }
    candidate.own = std::ranges::all_of(addresses->addresses, [&options](const std::string& address) {
      const auto& own = options.self.addresses;
      return std::ranges::find(own, address) != own.end() || net::Address::from_ip(address, 0)->is_loopback();
    });
    add_addresses(found.hosts, candidate, addresses->addresses, host.port);
    found.expires = std::min(found.expires, addresses->expires);
  }
  if (!found.hosts.empty()) co_return found;
  // The operator named this host: its absence from the DNS is ours to repair, so the mail waits.
  failure.permanent = false;
  if (!failure.ours) failure.status = "4.4.4";
  co_return std::unexpected(std::move(failure));
}

}  // namespace

Sts sts_of(const sts::Policy* policy, const std::string& host) {
  if (policy == nullptr) return Sts::kNone;
  const bool allowed = sts::allows(*policy, host);
  if (policy->mode == sts::Mode::kEnforce) return allowed ? Sts::kEnforce : Sts::kRefused;
  return allowed ? Sts::kTesting : Sts::kNone;  // a host outside the policy counts, too, while it is only tested
}

async::Task<Result> find_candidates(dns::Resolver& resolver, const NextHop& next_hop, std::string domain,
                                    const LookupOptions& options) {
  if (next_hop.kind == NextHop::Kind::kMx)
    co_return co_await mx_candidates(resolver, next_hop, std::move(domain), options);
  if (by_transport(next_hop.kind)) co_return Candidates{{}, next_hop.site_key(), SteadyTime::max(), {}};
  auto found = co_await host_candidates(resolver, next_hop, options);
  if (found && next_hop.shuffle) {
    thread_local std::minstd_rand random(std::random_device{}());
    std::ranges::shuffle(found->hosts, random);
  }
  co_return found;
}

}  // namespace quartet::relay
