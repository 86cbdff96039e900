#include "mda/settings.h"

#include <fmt/format.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "common/base/expand_path.h"
#include "common/service/additional_stores.h"
#include "common/service/settings.h"
#include "common/service/shared_mailboxes.h"
#include "common/service/srs.h"
#include "common/service/token_settings.h"
#include "common/sieve_site/verdicts.h"
#include "common/smtp/path.h"
#include "mda/routes.h"
#include "quartet/config/v1/directory.pb.h"

namespace quartet::mda {
namespace {

namespace v1 = quartet::config::v1;

std::string canonical_match(const std::string& match) {
  return match.contains('@') ? directory::canonical_address(match) : ascii::lower(match);
}

/// nullopt after a fault.
std::optional<Delivery> read_delivery(service::Checker& checker, const v1::Delivery& source) {
  Delivery out;
  out.match = canonical_match(source.match());
  const bool valid =
      source.match().contains('@') ? smtp::is_mailbox(out.match, true) : smtp::is_domain(out.match, true);
  if (!valid) checker.fault(source, "match", "expected an address or a domain");
  switch (source.target_case()) {
    case v1::Delivery::kMbox:
    case v1::Delivery::kMaildir: {
      const bool mbox = source.target_case() == v1::Delivery::kMbox;
      out.kind = mbox ? Delivery::Kind::kMbox : Delivery::Kind::kMaildir;
      out.text = mbox ? source.mbox() : source.maildir();
      if (!is_absolute_template(out.text))
        checker.fault(source, mbox ? "mbox" : "maildir",
                      "expected a path that begins with '/', with {user} and {domain} where they are wanted");
      break;
    }
    case v1::Delivery::kForward:
      out.kind = Delivery::Kind::kForward;
      out.text = source.forward();
      if (!smtp::is_mailbox(out.text, true)) checker.fault(source, "forward", "expected an address");
      break;
    case v1::Delivery::kNextHop:
      out.kind = Delivery::Kind::kNextHop;
      service::next_hop(checker, source.next_hop());
      break;
    case v1::Delivery::kPipe:
      out.kind = Delivery::Kind::kNextHop;
      if (source.pipe().delivered_to())
        checker.fault(source.pipe(), "delivered_to", "the mda puts that field there anyway");
      break;
    case v1::Delivery::TARGET_NOT_SET:
      checker.fault(source, "match", "expected one of mbox, maildir, forward, next_hop, pipe");
      return std::nullopt;
  }
  return valid ? std::optional(std::move(out)) : std::nullopt;
}

std::shared_ptr<const DeliveryTable> read_deliveries(service::Checker& checker, const v1::Mda& config) {
  std::vector<Delivery> out;
  for (const auto& source : config.delivery()) {
    auto delivery = read_delivery(checker, source);
    if (!delivery) continue;
    if (const auto earlier = shadowed_by(out, delivery->match))
      checker.fault(source, "match", fmt::format("is never reached: \"{}\" before it matches the same", *earlier));
    else
      out.push_back(*std::move(delivery));
  }
  return std::make_shared<const DeliveryTable>(std::move(out), config.detail_to_mailbox());
}

/// A target of an alias that is not ours; "" if there is none.
std::string outside_target(const v1::Mda& config, const directory::Directory& directory) {
  const auto source = config::load<v1::Directory>(config.directory());
  if (!source) return {};
  for (const auto& alias : source->alias()) {
    for (const auto& target : alias.target()) {
      if (directory.resolve(target).kind == directory::Resolution::Kind::kNotLocal) return target;
    }
  }
  return {};
}

/// What needs a queue and has none.
void check_spool(service::Checker& checker, const Settings& settings) {
  const auto& config = settings.config;
  if (!config.spool().empty()) return;
  for (const auto& delivery : config.delivery()) {
    const auto* const needs = delivery.has_forward()    ? "forward"
                              : delivery.has_next_hop() ? "next_hop"
                              : delivery.has_pipe()     ? "pipe"
                                                        : nullptr;
    if (needs != nullptr) checker.fault(delivery, needs, "needs `spool`");
  }
  if (settings.tables.directory == nullptr) return;
  if (const auto target = outside_target(config, *settings.tables.directory); !target.empty())
    checker.fault(config, "spool", fmt::format("is required: an alias leads to {}", target));
}

void read_sieve(service::Checker& checker, const v1::Mda& config, Settings& settings) {
  auto& out = settings.sieve_limits;
  if (!config.has_sieve()) return;
  const auto& sieve = config.sieve();
  checker.require(sieve, "directory", sieve.directory());
  if (config.spool().empty()) checker.fault(config, "sieve", "needs `spool`");
  if (sieve.redirects() > out.actions) checker.fault(sieve, "redirects", fmt::format("at most {}", out.actions));
  if (sieve.redirects() != 0) out.redirects = sieve.redirects();
  const auto report = [&checker](const google::protobuf::Message& message, std::string_view field, std::string text) {
    checker.fault(message, field, std::move(text));
  };
  settings.sieve_verdicts = sieve_site::read_verdicts(report, sieve);
  settings.sieve_lists = sieve_site::list_sources(report, sieve);
  sieve_site::check_lists(report, sieve);
  if (sieve.listener_size() == 0) return;
  settings.sieve_listeners = service::listeners(checker, sieve, sieve.listener());
  settings.sieve_tokens = service::read_tokens(checker, sieve.has_oauth(), sieve.oauth());
  if (config.tls().certificate().empty())
    checker.fault(sieve, "listener", "needs a certificate: see `tls`", 0);
  else
    settings.sieve_tls = sieve.client_ca().empty()
                             ? settings.session.tls
                             : service::server_tls(checker, config, config.tls(), sieve.client_ca());
}

void check_unchanged(service::Checker& checker, const v1::Mda& config, const v1::Mda& now) {
  constexpr const char* kRestart = "cannot change while the agent runs: restart it";
  const auto differ = [](const google::protobuf::Message& a, const google::protobuf::Message& b) {
    return !google::protobuf::util::MessageDifferencer::Equals(a, b);
  };
  v1::Mda a;
  v1::Mda b;
  *a.mutable_listener() = config.listener();
  *b.mutable_listener() = now.listener();
  if (differ(a, b)) checker.fault(config, "listener", kRestart);
  if (config.store() != now.store()) checker.fault(config, "store", kRestart);
  if (config.store_database() != now.store_database()) checker.fault(config, "store_database", kRestart);
  if (!service::same_stores(config, now)) checker.fault(config, "additional_store", kRestart);
  if (config.spool() != now.spool()) checker.fault(config, "spool", kRestart);
  if (differ(config.sieve(), now.sieve())) checker.fault(config, "sieve", kRestart);
  if (service::hostname(config.agent()) != service::hostname(now.agent()))
    checker.fault(config.agent(), "hostname", kRestart);
  if (config.limits().hops() != now.limits().hops()) checker.fault(config.limits(), "hops", kRestart);
}

}  // namespace

std::expected<SettingsPtr, std::vector<config::Error>> load_settings(const config::Input& input, const Settings* now) {
  const auto settings = std::make_shared<Settings>();
  auto& config = settings->config;
  const auto loaded = config::load_into(input, config);
  if (!loaded) return std::unexpected(loaded.error());
  service::Checker checker(*loaded->positions);
  service::check_agent(checker, config.agent());
  settings->listeners = service::listeners(checker, config, config.listener());
  settings->session.tls = service::server_tls(checker, config, config.tls());
  settings->tables.directory = service::load_directory(checker, config, config.directory());
  settings->namespaces = service::read_namespaces(checker, config.shared_mailboxes(), settings->tables.directory);
  settings->tables.deliveries = read_deliveries(checker, config);
  if (config.has_srs())
    settings->tables.srs = service::read_srs(checker, config.srs(), settings->tables.directory.get());
  checker.require(config, "store", config.store());
  service::check_stores(checker, config);
  check_spool(checker, *settings);
  for (const auto& listener : config.listener()) {
    if (listener.implicit_tls() && config.tls().certificate().empty())
      checker.fault(listener, "implicit_tls", "needs a certificate: see `tls`");
  }
  auto& features = settings->session.features;
  features.hostname = service::hostname(config.agent());
  features.lmtp = true;
  features.trace = true;
  features.require_tls = true;  // what is sent on keeps it
  features.dsn = !config.spool().empty();
  features.limits = service::limits(config.limits());
  settings->hops = service::hops(config.limits());
  read_sieve(checker, config, *settings);
  settings->memory = service::memory(checker, config.limits());
  if (!config.spool().empty()) {
    settings->relay = service::relay_options(checker, config.sending(), features.hostname, settings->listeners);
    settings->relay.sts = service::sts_options(checker, config.sending(), config.spool());
    settings->relay.tls_reports =
        service::tls_report_options(checker, config.sending(), settings->relay.hostname, config.spool());
    auto table = routes(checker, *settings);
    settings->redelivers = !table.local_domains.empty();
    settings->router = std::make_shared<const relay::Router>(std::move(table));
  }
  if (now != nullptr) check_unchanged(checker, config, now->config);
  if (!checker.ok()) return std::unexpected(checker.take());
  return settings;
}

}  // namespace quartet::mda
