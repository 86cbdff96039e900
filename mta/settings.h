// What the configuration of an mta says, checked, in the form its parts use. Immutable: a reload makes a new one.
#pragma once
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/directory/directory.h"
#include "common/net/address.h"
#include "common/relay/recipient_verifier.h"
#include "common/relay/relay.h"
#include "common/service/acceptor.h"
#include "common/service/settings.h"
#include "common/smtp/server_session.h"
#include "common/smtp/srs.h"
#include "mta/etrn.h"
#include "mta/upstream.h"
#include "quartet/config/v1/mta.pb.h"

namespace quartet::mta {

/// Which recipients are verified by asking their next hop.
struct Verification {
  std::vector<std::string> domains;  // "x.org", ".x.org"; lower case; none: nobody is asked
  bool accept_unknown = false;       // else 450
  relay::VerifyOptions options;      // of the start
};

struct Settings {
  config::v1::Mta config;
  std::string hostname;
  std::vector<service::ListenerSpec> listeners;
  std::vector<service::ListenerSpec> odmr;
  smtp::ServerOptions server;            // without what belongs to one session
  smtp::ServerOptions odmr_server;       // the same for odmr
  directory::DirectoryPtr directory;     // null: no domain is local
  std::shared_ptr<const smtp::Srs> srs;  // null: no sender is rewritten
  std::vector<net::Network> trusted;
  std::vector<std::string> relay_domains;  // "x.org", ".x.org"; lower case
  Verification verification;
  service::Forwarders forwarders;
  LinkRights links;
  std::vector<Upstream> upstreams;
  std::shared_ptr<const relay::Router> router;
  relay::Options relay;
  std::uint64_t memory = 0;
  std::size_t hops = 0;
};
using SettingsPtr = std::shared_ptr<const Settings>;

/// Reads the configuration and the files it names; all faults at once.
std::expected<SettingsPtr, std::vector<config::Error>> load_settings(const config::Input& input);

}  // namespace quartet::mta
