#include "mda/routes.h"

#include "common/mime/idna.h"
#include "common/service/pipe.h"
#include "common/service/site_policies.h"
#include "mda/settings.h"

namespace quartet::mda {
namespace {

/// LMTP to the first listener of ours that takes it in clear; nullopt if there is none.
std::optional<relay::NextHop> way_back(const std::vector<service::ListenerSpec>& listeners) {
  for (const auto& listener : listeners) {
    if (listener.implicit_tls || listener.address.port() == 0) {
      if (!listener.address.is_unix() || listener.implicit_tls) continue;
    }
    relay::NextHop out;
    out.kind = relay::NextHop::Kind::kHosts;
    out.protocol = relay::Protocol::kLmtp;
    out.tls = relay::TlsPolicy::kNone;
    auto host = listener.address.host();
    if (host == "0.0.0.0") host = "127.0.0.1";
    if (host == "::") host = "::1";
    out.hosts.push_back({host, listener.address.is_unix() ? std::uint16_t{0} : listener.address.port()});
    return out;
  }
  return std::nullopt;
}

}  // namespace

relay::RoutingTable routes(service::Checker& checker, const Settings& settings) {
  const auto& config = settings.config;
  relay::RoutingTable table;
  table.tls_policies = service::tls_policies(checker, config.sending());
  table.site_policies = service::site_policies(checker, config.sending(), settings.relay);
  table.mx.tls = relay::TlsPolicy::kDane;
  for (const auto& delivery : config.delivery()) {
    if (!delivery.has_next_hop() && !delivery.has_pipe()) continue;
    const auto& match = delivery.match();
    const auto key = mime::ascii_address(match.contains('@') ? directory::canonical_address(match) : match);
    table.transports.emplace(key, delivery.has_pipe() ? service::read_pipe(checker, config.agent(), delivery.pipe())
                                                      : service::next_hop(checker, delivery.next_hop()));
  }
  const auto back = way_back(settings.listeners);
  if (back && settings.tables.directory != nullptr) {
    for (const auto& domain : settings.tables.directory->domains())
      table.local_domains.emplace(mime::ascii_domain(domain), *back);
  }
  if (config.has_forward_host()) table.smart_host = service::next_hop(checker, config.forward_host());
  return table;
}

}  // namespace quartet::mda
