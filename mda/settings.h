// What the configuration of an mda says, checked, in the form its sessions use. Immutable: a reload makes a new one.
#pragma once
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/relay/relay.h"
#include "common/service/acceptor.h"
#include "common/service/tokens.h"
#include "common/sieve/run.h"
#include "common/sieve_site/lists.h"
#include "common/smtp/server_session.h"
#include "mda/session.h"
#include "quartet/config/v1/mda.pb.h"

namespace quartet::mda {

struct Settings {
  config::v1::Mda config;
  std::vector<service::ListenerSpec> listeners;
  smtp::ServerOptions session;  // without what belongs to one listener or one run
  Tables tables;
  std::size_t hops = 0;
  sieve::RunLimits sieve_limits;
  std::shared_ptr<const sieve::Verdicts> sieve_verdicts{};
  std::vector<sieve_site::Lists::Source> sieve_lists{};
  store::NamespacesPtr namespaces;
  std::vector<service::ListenerSpec> sieve_listeners;     // of ManageSieve
  std::shared_ptr<const tls::ServerContext> sieve_tls{};  // there
  std::shared_ptr<service::Tokens> sieve_tokens{};        // there; null: none are taken
  std::uint64_t memory = 0;                               // octets of messages that come in at a time
  /// With a spool.
  relay::Options relay;
  std::shared_ptr<const relay::Router> router;
  bool redelivers = false;  // the router knows a way back to a listener of ours
};
using SettingsPtr = std::shared_ptr<const Settings>;

/// Reads the configuration and the files it names; all faults at once. With `now`, for a reload, what only a restart
/// can change is a fault if it differs: listeners, store, spool, the host's name, hops.
std::expected<SettingsPtr, std::vector<config::Error>> load_settings(const config::Input& input,
                                                                     const Settings* now = nullptr);

}  // namespace quartet::mda
