#include "common/relay/explain.h"

#include <algorithm>

#include "common/mime/idna.h"
#include "common/relay/impl.h"

namespace quartet::relay {
namespace {

constexpr std::chrono::seconds kPatience{10};  // with the DNS, for each of two look-ups

async::Task<void> explain_mx(dns::Resolver& resolver, std::string domain, LookupOptions options, Explanation& out) {
  const auto deadline = async::Deadline::after(options.timeout);
  const auto plan = co_await dns::resolve_mx(resolver, domain, options.self, {.families = options.families}, deadline);
  if (!plan) co_return;  // the look-up of candidates says the same
  out.mx_implicit = plan->implicit;
  out.mx_authentic = plan->authentic;
  for (const auto& host : plan->hosts)
    out.names.push_back({host.name, host.preference, host.addresses, host.authentic, host.canonical_name, ""});
}

async::Task<void> explain_hosts(dns::Resolver& resolver, const NextHop& next_hop, LookupOptions options,
                                Explanation& out) {
  const auto deadline = async::Deadline::after(options.timeout);
  for (const auto& host : next_hop.hosts) {
    if (host.is_unix()) continue;
    ExplainedName name{.name = host.name, .preference = 0, .addresses = {}, .canonical_name = {}, .failure = {}};
    const auto found = co_await dns::resolve_host(resolver, host.name, options.families, deadline);
    if (found) {
      name.addresses = found->addresses;
      name.authentic = found->authentic;
      name.canonical_name = found->canonical_name;
    } else {
      name.failure = found.error().detail;
    }
    out.names.push_back(std::move(name));
  }
}

ExplainedHost explain_host(const Candidate& candidate, const TlsContexts& contexts) {
  ExplainedHost host{.candidate = candidate, .refused = std::nullopt};
  smtp::ClientOptions options;
  if (auto allowed = choose_tls(candidate, contexts, options); !allowed) host.refused = std::move(allowed.error());
  host.starttls = options.starttls;
  if (options.starttls == smtp::StartTls::kNever) return host;
  if (options.dane)
    host.proof = ExplainedHost::Proof::kDane;
  else if (options.tls != nullptr && options.tls == contexts.verified)
    host.proof = ExplainedHost::Proof::kAuthority;
  return host;
}

}  // namespace

/// What the tables say, without the DNS.
Explanation Relay::Impl::explain_route(const std::string& address, const std::string& domain) const {
  const auto router = this->router();
  const auto decision = router->decide(address);
  Explanation out;
  out.table = decision.table;
  out.entry = decision.entry;
  out.next_hop = *decision.next_hop;
  if (out.next_hop.kind == NextHop::Kind::kMx) out.next_hop.tls = router->tls_of(out.next_hop, domain);
  if (const auto* link = router->link_of(domain)) {
    out.link = {.name = link->name,
                .on_request = link->on_request,
                .turned_only = link->turned_only,
                .running = links_.running(link->name),
                .attached = links_.attached(link->name)};
  }
  out.most_connections = options_.site.concurrency.maximum;
  return out;
}

async::Task<void> Relay::Impl::explain_into(std::string address, std::move_only_function<void(Explanation)> done) {
  const auto domain = mime::domain_of(address);
  auto out = explain_route(address, domain);
  const auto kind = out.next_hop.kind;
  if (kind == NextHop::Kind::kMx || kind == NextHop::Kind::kHosts) {
    const auto resolver = names_.resolver();
    auto lookup = options_.lookup;
    lookup.timeout = std::min(lookup.timeout, kPatience);
    if (kind == NextHop::Kind::kMx)
      co_await explain_mx(*resolver, domain, lookup, out);
    else
      co_await explain_hosts(*resolver, out.next_hop, lookup, out);
    auto found = co_await find_candidates(*resolver, out.next_hop, kind == NextHop::Kind::kMx ? domain : "", lookup);
    if (found) {
      const auto policy = router()->site_policy(domain);
      out.site = policy ? key_for(found->site, *policy) : found->site;
      for (const auto& candidate : found->hosts) out.hosts.push_back(explain_host(candidate, options_.tls));
    } else {
      out.failure = found.error();
    }
  }
  for (auto& site : site_status())
    if (site.key == out.site) out.status = std::move(site);
  if (auto pause = out.link ? links_.pause_of(out.link->name) : std::nullopt)
    out.suspensions.push_back(*std::move(pause));
  for (auto& suspension : suspensions_.list(wall_now())) {
    const auto& destination = suspension.destination;
    if (names_site(destination) ? destination == out.site : covers(destination, domain))
      out.suspensions.push_back(std::move(suspension));
  }
  done(std::move(out));
}

void Relay::Impl::explain(std::string address, std::move_only_function<void(Explanation)> done) {
  wake_up_->post([this, address = std::move(address), done = std::move(done)]() mutable {
    tasks_.spawn(explain_into(std::move(address), std::move(done)));
  });
}

void Relay::explain(std::string address, std::move_only_function<void(Explanation)> done) {
  impl_->explain(std::move(address), std::move(done));
}

}  // namespace quartet::relay
