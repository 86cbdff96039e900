// From the words of a configuration to the options of our modules. Faults are gathered, each with its place.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"
#include "common/directory/directory.h"
#include "common/net/address.h"
#include "common/relay/relay.h"
#include "common/service/acceptor.h"
#include "common/smtp/server_machine.h"
#include "common/tls/server_context.h"
#include "quartet/config/v1/common.pb.h"

namespace quartet::service {

namespace v1 = quartet::config::v1;

class Checker {
 public:
  explicit Checker(const config::Positions& positions) : positions_(positions) {}

  void fault(const google::protobuf::Message& message, std::string_view field, std::string text, int index = -1) {
    errors_.push_back(positions_.at(message, field, index, std::move(text)));
  }
  void add(std::vector<config::Error> errors) { errors_.insert(errors_.end(), errors.begin(), errors.end()); }
  /// Faults if the text is empty.
  void require(const google::protobuf::Message& message, std::string_view field, const std::string& value) {
    if (value.empty()) fault(message, field, "is required");
  }
  bool ok() const { return errors_.empty(); }
  std::vector<config::Error> take() { return std::move(errors_); }

 private:
  const config::Positions& positions_;
  std::vector<config::Error> errors_;
};

std::string hostname(const v1::Agent& agent);
/// Faults in what all agents share: listeners of the control plane and the metrics, modes, limits.
void check_agent(Checker& checker, const v1::Agent& agent);

/// At least one is required. `owner` has the repeated field `listener`.
std::vector<ListenerSpec> listeners(Checker& checker, const google::protobuf::Message& owner,
                                    const google::protobuf::RepeatedPtrField<v1::Listener>& listeners);

/// Null without a certificate, or after a fault. `owner` has the field `tls`, and `client_ca` unless that is empty.
std::shared_ptr<const tls::ServerContext> server_tls(Checker& checker, const google::protobuf::Message& owner,
                                                     const v1::Tls& tls, const std::string& client_ca = {});

/// Null after a fault. `owner` has the field `directory`.
directory::DirectoryPtr load_directory(Checker& checker, const google::protobuf::Message& owner,
                                       const std::string& path);

/// Local domains whose postmaster is nobody: mail to it must be taken (RFC 5321 section 4.5.1), and would bounce.
std::vector<std::string> without_postmaster(const directory::Directory& directory);

smtp::ServerLimits limits(const v1::Limits& limits);
/// Whether `extension` is not among those to withhold.
bool offers(const google::protobuf::RepeatedField<int>& withheld, v1::Extension extension);
std::size_t hops(const v1::Limits& limits);
std::size_t connections_per_client(const v1::Limits& limits);
/// In place of the greeting of SMTP and LMTP (RFC 5321 section 3.1), for a client that has them all.
std::string too_many_connections(const v1::Agent& agent);
/// For ByteBudget, of a field `memory` of `owner`, which is 0 if it is not set. Faults if not even one message of the
/// largest size fits.
std::uint64_t memory(Checker& checker, const google::protobuf::Message& owner, std::uint64_t memory,
                     std::uint64_t largest);
std::uint64_t memory(Checker& checker, const v1::Limits& limits);

/// Members of the repeated field `field` of `owner`.
std::vector<net::Network> networks(Checker& checker, const google::protobuf::Message& owner, std::string_view field,
                                   const google::protobuf::RepeatedPtrField<std::string>& values);
bool contains(const std::vector<net::Network>& networks, const net::Address& address);

/// "x.org", or ".x.org" for all below it; not empty.
bool is_domain_pattern(std::string_view text);
/// Who may say XCLIENT and XFORWARD.
struct Forwarders {
  std::vector<net::Network> xclient;
  std::vector<net::Network> xforward;
};
/// From the fields of these names of `source`, an Msa or Mta.
template <typename Agent>
Forwarders forwarders(Checker& checker, const Agent& source) {
  return {networks(checker, source, "xclient", source.xclient()),
          networks(checker, source, "xforward", source.xforward())};
}

relay::TlsPolicy tls_policy(v1::NextHop::TlsPolicy policy, relay::TlsPolicy otherwise);
/// For RoutingTable::tls_policies.
decltype(relay::RoutingTable::tls_policies) tls_policies(Checker& checker, const v1::Sending& sending);
/// Of kind kHosts, or of kind kMx if no host is given and `mx_allowed`.
relay::NextHop next_hop(Checker& checker, const v1::NextHop& hop, bool mx_allowed = false);

/// For Options::sts; nullopt if it is not wanted. `spool` is the agent's.
std::optional<sts::FinderOptions> sts_options(Checker& checker, const v1::Sending& sending, const std::string& spool);

/// `listening` are the addresses this host takes mail on and `own` more of them, so that mail never loops back.
/// Nothing if no reports are wanted; counts are kept below `spool`.
std::optional<relay::TlsReportOptions> tls_report_options(Checker& checker, const v1::Sending& sending,
                                                          const std::string& hostname, const std::string& spool);
relay::Options relay_options(Checker& checker, const v1::Sending& sending, const std::string& hostname,
                             const std::vector<ListenerSpec>& listening,
                             const google::protobuf::RepeatedPtrField<std::string>& own = {});

}  // namespace quartet::service
