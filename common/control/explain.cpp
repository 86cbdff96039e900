#include "common/control/explain.h"

#include "common/base/encoding.h"
#include "common/control/convert.h"
#include "common/relay/explain.h"

namespace quartet::control {
namespace {

using Response = v1::ExplainResponse;
using Host = Response::Host;
using Table = relay::Router::Decision::Table;

constexpr std::size_t kLongestText = 1000;

Response::Table table_of(Table table) {
  switch (table) {
    case Table::kLink:
      return Response::TABLE_LINK;
    case Table::kTransport:
      return Response::TABLE_TRANSPORT;
    case Table::kLocalDomain:
      return Response::TABLE_LOCAL_DOMAIN;
    case Table::kSender:
      return Response::TABLE_SENDER;
    case Table::kSmartHost:
      return Response::TABLE_SMART_HOST;
    case Table::kMx:
      return Response::TABLE_MX;
  }
  return Response::TABLE_UNSPECIFIED;
}

Response::Action action_of(relay::NextHop::Kind kind) {
  using Kind = relay::NextHop::Kind;
  switch (kind) {
    case Kind::kHosts:
      return Response::ACTION_HOSTS;
    case Kind::kMx:
      return Response::ACTION_MX;
    case Kind::kHold:
      return Response::ACTION_HOLD;
    case Kind::kDiscard:
      return Response::ACTION_DISCARD;
    case Kind::kError:
      return Response::ACTION_ERROR;
    case Kind::kPipe:
      return Response::ACTION_PIPE;
    case Kind::kBatch:
      return Response::ACTION_BATCH;
  }
  return Response::ACTION_UNSPECIFIED;
}

const char* name_of(relay::TlsPolicy policy) {
  static constexpr const char* kNames[] = {"none", "may", "encrypt", "verify", "dane", "dane-only"};
  return kNames[static_cast<int>(policy)];
}

void fill_dane(Host& to, const relay::DaneFinding& finding) {
  static constexpr Host::Dane kStates[] = {Host::DANE_INSECURE, Host::DANE_NONE, Host::DANE_UNUSABLE, Host::DANE_USABLE,
                                           Host::DANE_FAILED};
  to.set_dane(kStates[static_cast<int>(finding.state)]);
  to.set_dane_detail(utf8(finding.detail, kLongestText));
  for (const auto& record : finding.dane.records)
    to.add_tlsa(std::to_string(record.usage) + ' ' + std::to_string(record.selector) + ' ' +
                std::to_string(record.matching_type) + ' ' + hex_encode(record.data));
}

void fill(Host& to, const relay::ExplainedHost& host) {
  static constexpr Host::StartTls kStartTls[] = {Host::START_TLS_NEVER, Host::START_TLS_IF_OFFERED,
                                                 Host::START_TLS_REQUIRED};
  static constexpr Host::Proof kProofs[] = {Host::PROOF_NONE, Host::PROOF_AUTHORITY, Host::PROOF_DANE};
  static constexpr Host::Sts kSts[] = {Host::STS_NONE, Host::STS_TESTING, Host::STS_ENFORCE, Host::STS_REFUSED};
  const auto& candidate = host.candidate;
  to.set_name(utf8(candidate.name));
  to.set_address(utf8(candidate.address.to_string()));
  to.set_tls_policy(name_of(candidate.tls));
  to.set_start_tls(kStartTls[static_cast<int>(host.starttls)]);
  to.set_proof(kProofs[static_cast<int>(host.proof)]);
  if (candidate.dane) fill_dane(to, *candidate.dane);
  to.set_sts(kSts[static_cast<int>(candidate.sts)]);
  if (host.refused) control::fill(*to.mutable_refused(), *host.refused, kLongestText);
}

void fill(Response::Name& to, const relay::ExplainedName& name) {
  to.set_name(utf8(name.name));
  to.set_preference(name.preference);
  for (const auto& address : name.addresses) to.add_address(utf8(address));
  to.set_authentic(name.authentic);
  to.set_canonical_name(utf8(name.canonical_name));
  to.set_failure(utf8(name.failure, kLongestText));
}

void fill(Response::Link& to, const relay::Explanation::Link& link) {
  to.set_name(utf8(link.name));
  to.set_on_request(link.on_request);
  to.set_turned_only(link.turned_only);
  to.set_running(link.running);
  to.set_attached(link.attached);
}

}  // namespace

void fill(v1::Suspension& to, const relay::Suspension& suspension) {
  to.set_destination(utf8(suspension.destination));
  set(*to.mutable_since(), suspension.since);
  if (suspension.until != relay::kUntilResumed) set(*to.mutable_until(), suspension.until);
  to.set_reason(utf8(suspension.reason));
  to.set_who(utf8(suspension.who));
}

void fill(v1::ExplainResponse& to, const relay::Explanation& explanation) {
  to.set_table(table_of(explanation.table));
  to.set_entry(utf8(explanation.entry));
  to.set_action(action_of(explanation.next_hop.kind));
  to.set_error(utf8(explanation.next_hop.error, kLongestText));
  to.set_protocol(explanation.next_hop.protocol == relay::Protocol::kLmtp ? "lmtp" : "smtp");
  if (explanation.link) fill(*to.mutable_link(), *explanation.link);
  for (const auto& suspension : explanation.suspensions) fill(*to.add_suspension(), suspension);
  to.set_mx_implicit(explanation.mx_implicit);
  to.set_mx_authentic(explanation.mx_authentic);
  for (const auto& name : explanation.names) fill(*to.add_name(), name);
  if (explanation.failure) {
    to.mutable_failure()->set_code(explanation.failure->permanent ? 550 : 451);
    to.mutable_failure()->set_enhanced(utf8(explanation.failure->status));
    to.mutable_failure()->set_text(utf8(explanation.failure->text, kLongestText));
  }
  for (const auto& host : explanation.hosts) fill(*to.add_host(), host);
  to.set_site(utf8(explanation.site));
  to.set_most_connections(explanation.most_connections);
}

}  // namespace quartet::control
