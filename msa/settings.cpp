#include "msa/settings.h"

#include "common/sasl/server.h"
#include "common/service/settings.h"
#include "common/service/site_policies.h"

namespace quartet::msa {
namespace {

using config::v1::Msa;
using service::Checker;

void read_server(Checker& checker, const Msa& source, Settings& out) {
  out.listeners = service::listeners(checker, source, source.listener());
  out.server.tls = service::server_tls(checker, source, source.tls());
  if (source.tls().certificate().empty() && source.tls().key().empty())
    checker.fault(source, "tls", "a certificate is required: nobody logs in without TLS");
  auto& features = out.server.features;
  features.hostname = out.hostname;
  features.limits = service::limits(source.limits());
  features.mechanisms = sasl::server_mechanisms();
  features.auth_required = true;
  out.hops = service::hops(source.limits());
  out.memory = service::memory(checker, source.limits());
}

void read_hand_off(Checker& checker, const Msa& source, Settings& out) {
  switch (source.hand_off_case()) {
    case Msa::kSmartHost: {
      checker.require(source, "spool", source.spool());
      relay::RoutingTable table;
      table.smart_host = service::next_hop(checker, source.smart_host());
      table.tls_policies = service::tls_policies(checker, source.sending());
      out.relay = service::relay_options(checker, source.sending(), out.hostname, out.listeners);
      table.site_policies = service::site_policies(checker, source.sending(), out.relay);
      out.router = std::make_shared<const relay::Router>(std::move(table));
      if (source.sending().mta_sts())
        checker.fault(source.sending(), "mta_sts", "is for MX hosts, and there is a smart host");
      break;
    }
    case Msa::kSharedSpool:
      checker.require(source, "shared_spool", source.shared_spool());
      if (!source.spool().empty()) checker.fault(source, "spool", "is not used with shared_spool");
      if (source.has_sending()) checker.fault(source, "sending", "is not used with shared_spool: the mta sends");
      break;
    case Msa::HAND_OFF_NOT_SET:
      checker.fault(source, "smart_host", "smart_host or shared_spool is required");
      break;
  }
}

}  // namespace

std::expected<SettingsPtr, std::vector<config::Error>> load_settings(const std::string& path) {
  auto out = std::make_shared<Settings>();
  auto& source = out->config;
  auto loaded = config::load_into(path, source);
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  Checker checker(*loaded->positions);
  service::check_agent(checker, source.agent());
  out->hostname = service::hostname(source.agent());
  read_server(checker, source, *out);
  out->directory = service::load_directory(checker, source, source.directory());
  read_hand_off(checker, source, *out);
  if (!checker.ok()) return std::unexpected(checker.take());
  return out;
}

}  // namespace quartet::msa
