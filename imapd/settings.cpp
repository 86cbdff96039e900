#include "imapd/settings.h"

#include <fmt/format.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>

#include "common/service/additional_stores.h"
#include "common/service/settings.h"
#include "common/service/shared_mailboxes.h"
#include "common/service/token_settings.h"

namespace quartet::imapd {
namespace {

constexpr std::uint32_t kLeastIdle = 1800;          // RFC 3501 section 5.4
constexpr std::uint64_t kMostMessage = 0xFFFFFFFF;  // numbers of RFC 3501 have 32 bits

using Listeners = google::protobuf::RepeatedPtrField<config::v1::Listener>;

/// All that is said of them: the networks of load balancers, too, are those of the start.
bool same(const Listeners& a, const Listeners& b) {
  return std::ranges::equal(
      a, b, [](const auto& x, const auto& y) { return google::protobuf::util::MessageDifferencer::Equals(x, y); });
}

void check_login(service::Checker& checker, const Settings& settings) {
  const auto& config = settings.config;
  if (settings.session.tls != nullptr || !config.tls().certificate().empty()) return;
  for (const auto* const listeners : {&config.listener(), &config.pop3_listener()})
    for (const auto& listener : *listeners)
      if (listener.implicit_tls()) checker.fault(listener, "implicit_tls", "needs a certificate: see `tls`");
  if (!config.login_in_clear())
    checker.fault(config, "tls", "without a certificate nobody can log in, unless login_in_clear is set");
}

void check_unchanged(service::Checker& checker, const Settings& settings, const Settings& now) {
  constexpr const char* kRestart = "cannot change while the agent runs: restart it";
  if (!same(settings.config.listener(), now.config.listener())) checker.fault(settings.config, "listener", kRestart);
  if (!same(settings.config.pop3_listener(), now.config.pop3_listener()))
    checker.fault(settings.config, "pop3_listener", kRestart);
  if (settings.config.store() != now.config.store()) checker.fault(settings.config, "store", kRestart);
  if (settings.config.store_database() != now.config.store_database())
    checker.fault(settings.config, "store_database", kRestart);
  if (!service::same_stores(settings.config, now.config)) checker.fault(settings.config, "additional_store", kRestart);
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
  if (config.pop3_listener_size() != 0)
    settings->pop3_listeners = service::listeners(checker, config, config.pop3_listener());
  settings->session.tls = service::server_tls(checker, config, config.tls(), config.client_ca());
  settings->session.hostname = service::hostname(config.agent());
  settings->session.login_in_clear = config.login_in_clear();
  settings->directory = service::load_directory(checker, config, config.directory());
  settings->tokens = service::read_tokens(checker, config.has_oauth(), config.oauth());
  settings->namespaces = service::read_namespaces(checker, config.shared_mailboxes(), settings->directory);
  checker.require(config, "store", config.store());
  service::check_stores(checker, config);
  check_login(checker, *settings);
  if (config.message_size() != 0) settings->session.message_size = config.message_size();
  if (config.message_size() > kMostMessage)
    checker.fault(config, "message_size", fmt::format("at most {}", kMostMessage));
  if (config.idle_seconds() != 0) settings->session.idle_timeout = std::chrono::seconds(config.idle_seconds());
  if (config.idle_seconds() != 0 && config.idle_seconds() < kLeastIdle)
    checker.fault(config, "idle_seconds", fmt::format("at least {} (RFC 3501 section 5.4)", kLeastIdle));
  settings->session.message_limit = config.message_limit();
  if (config.progress_seconds() != 0)
    settings->session.progress_interval = std::chrono::seconds(config.progress_seconds());
  if (config.sessions_per_account() != 0) settings->sessions_per_account = config.sessions_per_account();
  if (config.connections_per_client() != 0) settings->connections_per_client = config.connections_per_client();
  if (config.unauthenticated_per_client() != 0)
    settings->unauthenticated_per_client = config.unauthenticated_per_client();
  settings->memory = service::memory(checker, config, config.memory(), settings->session.message_size);
  settings->trusted = service::networks(checker, config, "trusted", config.trusted());
  if (now != nullptr) check_unchanged(checker, *settings, *now);
  if (!checker.ok()) return std::unexpected(checker.take());
  return settings;
}

}  // namespace quartet::imapd
