#include "msa/settings.h"

#include <fmt/format.h>

#include "common/service/passwords.h"
#include "common/service/settings.h"
#include "common/service/site_policies.h"
#include "common/service/token_settings.h"

namespace quartet::msa {
namespace {

using config::v1::Msa;
using service::Checker;

constexpr std::uint32_t kLongestHold = 30 * 86'400;
constexpr std::uint32_t kMostHold = 999'999'999;  // RFC 4865 section 3

void read_server(Checker& checker, const Msa& source, Settings& out) {
  out.listeners = service::listeners(checker, source, source.listener());
  out.server.tls = service::server_tls(checker, source, source.tls(), source.client_ca());
  if (source.tls().certificate().empty() && source.tls().key().empty())
    checker.fault(source, "tls", "a certificate is required: nobody logs in without TLS");
  auto& features = out.server.features;
  features.hostname = out.hostname;
  features.limits = service::limits(source.limits());
  features.auth_required = true;
  out.hops = service::hops(source.limits());
  out.memory = service::memory(checker, source.limits());
}

void read_extensions(Checker& checker, const Msa& source, Settings& out) {
  out.forwarders = service::forwarders(checker, source);
  auto& features = out.server.features;
  const auto& withheld = source.withhold();
  features.require_tls = service::offers(withheld, config::v1::REQUIRETLS);
  features.priority = service::offers(withheld, config::v1::MT_PRIORITY);
  if (service::offers(withheld, config::v1::DELIVERBY)) features.deliver_by.emplace();
  const auto hold = source.longest_hold_seconds() != 0 ? source.longest_hold_seconds() : kLongestHold;
  if (hold > kMostHold) checker.fault(source, "longest_hold_seconds", fmt::format("at most {}", kMostHold));
  out.longest_hold = std::chrono::seconds(hold);
  if (service::offers(withheld, config::v1::FUTURERELEASE))
    features.future_release = {.most_seconds = hold, .latest = {}};
  const auto priority = source.has_highest_priority() ? source.highest_priority() : 4;
  if (priority < -9 || priority > 9) checker.fault(source, "highest_priority", "-9 to 9");
  out.highest_priority = static_cast<std::int8_t>(priority);
}

AuthorRule author_rule(const Msa& source) {
  switch (source.author()) {
    case Msa::ANY:
      return AuthorRule::kAny;
    case Msa::OWN:
      return AuthorRule::kOwn;
    default:
      return AuthorRule::kAddSender;
  }
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

std::expected<SettingsPtr, std::vector<config::Error>> load_settings(const config::Input& input) {
  auto out = std::make_shared<Settings>();
  auto& source = out->config;
  auto loaded = config::load_into(input, source);
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  Checker checker(*loaded->positions);
  service::check_agent(checker, source.agent());
  out->hostname = service::hostname(source.agent());
  read_server(checker, source, *out);
  read_extensions(checker, source, *out);
  out->directory = service::load_directory(checker, source, source.directory());
  out->tokens = service::read_tokens(checker, source.has_oauth(), source.oauth());
  if (out->directory) out->server.features.mechanisms = service::mechanisms(*out->directory, out->tokens.get());
  out->author_rule = author_rule(source);
  read_hand_off(checker, source, *out);
  if (!checker.ok()) return std::unexpected(checker.take());
  return out;
}

}  // namespace quartet::msa
