#include "mta/settings.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/mime/idna.h"
#include "common/sasl/server.h"
#include "common/service/settings.h"
#include "common/service/srs.h"
#include "common/smtp/path.h"
#include "mta/routes.h"

namespace quartet::mta {
namespace {

using service::Checker;

void read_odmr(Checker& checker, const config::v1::Mta& source, Settings& out) {
  if (source.odmr_size() == 0) return;
  out.odmr = service::listeners(checker, source, source.odmr());
  out.odmr_server = out.server;
  out.odmr_server.features.odmr = true;
  out.odmr_server.features.etrn = false;
  out.odmr_server.features.mechanisms = sasl::password_mechanisms();
  if (source.odmr_cram_md5()) {
    out.odmr_server.features.mechanisms.emplace_back(sasl::kCramMd5);
    out.odmr_server.features.clear_mechanisms.emplace_back(sasl::kCramMd5);
  }
  if (source.tls().certificate().empty()) checker.fault(source, "odmr", "needs a certificate in tls");
}

void read_server(Checker& checker, const config::v1::Mta& source, Settings& out) {
  out.listeners = service::listeners(checker, source, source.listener());
  out.server.tls = service::server_tls(checker, source, source.tls());
  for (int i = 0; i < source.listener_size(); ++i) {
    if (source.listener(i).implicit_tls() && source.tls().certificate().empty())
      checker.fault(source.listener(i), "implicit_tls", "needs a certificate in tls");
  }
  out.server.features.hostname = out.hostname;
  out.server.features.limits = service::limits(source.limits());
  out.server.features.etrn = source.link_size() != 0;
  out.server.features.require_tls = service::offers(source.withhold(), config::v1::REQUIRETLS);
  out.server.features.priority = service::offers(source.withhold(), config::v1::MT_PRIORITY);
  if (service::offers(source.withhold(), config::v1::DELIVERBY)) out.server.features.deliver_by.emplace();
  out.hops = service::hops(source.limits());
  read_odmr(checker, source, out);
  out.memory = service::memory(checker, source.limits());
}

void read_domains(Checker& checker, const config::v1::Mta& source, Settings& out) {
  if (!source.directory().empty()) {
    out.directory = service::load_directory(checker, source, source.directory());
    if (!source.has_local()) checker.fault(source, "directory", "needs local, the next hop of its domains");
  } else if (source.has_local()) {
    checker.fault(source, "local", "needs directory, which says what is local");
  }
  if (source.follow_aliases() && source.directory().empty())
    checker.fault(source, "follow_aliases", "needs directory, which has the aliases");
  if (source.has_srs()) out.srs = service::read_srs(checker, source.srs(), out.directory.get());
  out.trusted = service::networks(checker, source, "trusted", source.trusted());
  out.forwarders = service::forwarders(checker, source);
  for (int i = 0; i < source.relay_domain_size(); ++i) {
    auto domain = mime::ascii_domain(source.relay_domain(i));
    if (!is_domain_pattern(domain)) checker.fault(source, "relay_domain", "expected \"domain\" or \".domain\"", i);
    out.relay_domains.push_back(std::move(domain));
  }
}

/// Whether some mail for `pattern`, a domain or ".domain", is taken at all.
bool is_taken(const Settings& settings, const config::v1::Mta& source, const std::string& pattern) {
  const std::string_view domain = pattern.starts_with('.') ? std::string_view(pattern).substr(1) : pattern;
  const auto same = [&](const auto& own) { return own == pattern || covers({own}, domain); };
  if (std::ranges::any_of(settings.relay_domains, same)) return true;
  for (const auto& link : source.link()) {
    for (const auto& own : link.domain()) {
      if (same(mime::ascii_domain(own))) return true;
    }
  }
  return settings.directory != nullptr && settings.directory->is_local(domain);
}

void read_verification(Checker& checker, const config::v1::Mta& source, Settings& out) {
  if (!source.has_verify_recipients()) return;
  const auto& wanted = source.verify_recipients();
  auto& verification = out.verification;
  for (int i = 0; i < wanted.domain_size(); ++i) {
    auto domain = mime::ascii_domain(wanted.domain(i));
    if (!is_domain_pattern(domain))
      checker.fault(wanted, "domain", "expected \"domain\" or \".domain\"", i);
    else if (!is_taken(out, source, domain))
      checker.fault(wanted, "domain", "is neither a relay_domain nor of a link nor of the directory", i);
    verification.domains.push_back(std::move(domain));
  }
  if (wanted.domain().empty()) verification.domains = out.relay_domains;
  if (verification.domains.empty())
    checker.fault(source, "verify_recipients", "needs domains: there is no relay_domain");
  verification.accept_unknown = wanted.when_unknown() == config::v1::VerifyRecipients::ACCEPT;
  auto& options = verification.options;
  if (wanted.accepted_seconds() != 0) options.accepted_for = std::chrono::seconds(wanted.accepted_seconds());
  if (wanted.refused_seconds() != 0) options.refused_for = std::chrono::seconds(wanted.refused_seconds());
  if (wanted.timeout_seconds() != 0) options.timeout = std::chrono::seconds(wanted.timeout_seconds());
  if (wanted.entries() != 0) options.entries = wanted.entries();
  if (wanted.probes() != 0) options.probes = wanted.probes();
  options.probes_per_hop = std::max<std::size_t>(1, options.probes / 4);
}

void read_sending(Checker& checker, const config::v1::Mta& source, Settings& out) {
  for (int i = 0; i < source.own_address_size(); ++i) {
    const auto address = net::Address::from_ip(source.own_address(i), 0);
    if (!address) checker.fault(source, "own_address", address.error(), i);
  }
  out.relay = service::relay_options(checker, source.sending(), out.hostname, out.listeners, source.own_address());
  out.relay.sts = service::sts_options(checker, source.sending(), source.spool());
  out.relay.tls_reports = service::tls_report_options(checker, source.sending(), out.relay.hostname, source.spool());
  out.router = read_routes(checker, source, out.directory.get(), out.relay);
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
  checker.require(source, "spool", source.spool());
  read_server(checker, source, *out);
  read_domains(checker, source, *out);
  read_verification(checker, source, *out);
  read_sending(checker, source, *out);
  out->upstreams = read_upstreams(checker, source, out->directory.get(), out->relay_domains);
  out->links = read_link_rights(checker, source, out->directory.get());
  if (!checker.ok()) return std::unexpected(checker.take());
  return out;
}

}  // namespace quartet::mta
