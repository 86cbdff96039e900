// What the configuration of an imapd says, checked, in the form its sessions use. Immutable: a reload makes a new one,
// and sessions keep the one they began with.
#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/directory/directory.h"
#include "common/service/acceptor.h"
#include "common/service/tokens.h"
#include "imapd/session.h"
#include "quartet/config/v1/imapd.pb.h"

namespace quartet::imapd {

struct Settings {
  config::v1::Imapd config;
  std::vector<service::ListenerSpec> listeners;
  std::vector<service::ListenerSpec> pop3_listeners;
  SessionOptions session;  // without what belongs to one listener or one run: implicit_tls, draining
  directory::DirectoryPtr directory;
  std::shared_ptr<service::Tokens> tokens;  // null: none are taken
  store::NamespacesPtr namespaces;
  std::size_t sessions_per_account = 100;
  std::size_t connections_per_client = 500;
  std::size_t unauthenticated_per_client = 50;
  std::uint64_t memory = 0;           // octets of messages that come in at a time
  std::vector<net::Network> trusted;  // without these two
};
using SettingsPtr = std::shared_ptr<const Settings>;

/// Reads the configuration and the files it names; all faults at once. With `now`, for a reload, what only a restart
/// can change is a fault if it differs: listeners, store.
std::expected<SettingsPtr, std::vector<config::Error>> load_settings(const config::Input& input,
                                                                     const Settings* now = nullptr);

}  // namespace quartet::imapd
