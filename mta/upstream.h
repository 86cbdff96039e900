// One request of a customer to its provider: connect, log in, ATRN (RFC 2645) or ETRN (RFC 1985).
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/directory/directory.h"
#include "common/dns/resolver.h"
#include "common/relay/relay.h"
#include "common/service/settings.h"
#include "common/smtp/server_session.h"
#include "quartet/config/v1/mta.pb.h"

namespace quartet::mta {

struct Upstream {
  enum class Method { kAuto, kAtrn, kEtrn };
  std::string name;
  relay::NextHop hop;
  bool implicit_tls = false;
  Method method = Method::kAuto;
  std::vector<std::string> domains;       // lower case
  std::vector<std::string> etrn_nodes{};  // what ETRN names: the domains, or what stands for them at the host
  bool at_start = true;
  bool on_outbound = false;       // when a connection for mail to the host is opened
  std::chrono::seconds every{0};  // 0: not by the clock
  std::string source{};           // its configuration: changed if this is
};

std::vector<Upstream> read_upstreams(service::Checker& checker, const config::v1::Mta& source,
                                     const directory::Directory* directory,
                                     const std::vector<std::string>& relay_domains);

/// How it ended.
struct Asked {
  enum class Kind {
    kDone,     // its mail is on its way, or came
    kNothing,  // it has none (251, 453)
    kFailed,   // not now: no connection, 4yz, the turned connection was lost
    kStopped,  // refused for good: 5yz, or neither command is offered
  };
  Kind kind = Kind::kFailed;
  std::string method;  // "ATRN", "ETRN"; empty: it did not come to that
  std::uint16_t code = 0;
  std::string text;
};

/// What a request needs of the agent; outlives it.
struct Means {
  const relay::Options& options;
  dns::Resolver& resolver;
  /// Serves a turned connection to its end; how it ended.
  std::function<async::Task<smtp::SessionEnd>(std::unique_ptr<net::Stream> stream)> serve;
  std::chrono::milliseconds pause{1000};       // before ETRN is said again; doubles up to a minute
  std::chrono::seconds atrn_timeout{15 * 60};  // RFC 2645 section 5.2.1: at least ten minutes
};

/// What the codes mean to who asked; without a text.
Asked::Kind meaning_of_atrn(int code);
Asked::Kind meaning_of_etrn(int code);

async::Task<Asked> ask_upstream(const Upstream& upstream, const Means& means);

}  // namespace quartet::mta
