// What the configuration of an msa says, checked, in the form its parts use. Immutable: a reload makes a new one.
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/directory/directory.h"
#include "common/relay/relay.h"
#include "common/service/acceptor.h"
#include "common/service/settings.h"
#include "common/service/tokens.h"
#include "common/smtp/server_session.h"
#include "msa/author.h"
#include "quartet/config/v1/msa.pb.h"

namespace quartet::msa {

struct Settings {
  config::v1::Msa config;
  std::string hostname;
  std::vector<service::ListenerSpec> listeners;
  smtp::ServerOptions server;  // without what belongs to one session
  directory::DirectoryPtr directory;
  std::shared_ptr<service::Tokens> tokens;      // null: none are taken
  std::shared_ptr<const relay::Router> router;  // null: the spool is an mta's
  relay::Options relay;
  std::uint64_t memory = 0;
  std::size_t hops = 0;
  service::Forwarders forwarders;
  std::chrono::seconds longest_hold{0};
  std::int8_t highest_priority = 0;
  AuthorRule author_rule = AuthorRule::kAddSender;
};
using SettingsPtr = std::shared_ptr<const Settings>;

/// Reads the configuration and the files it names; all faults at once.
std::expected<SettingsPtr, std::vector<config::Error>> load_settings(const config::Input& input);

}  // namespace quartet::msa
