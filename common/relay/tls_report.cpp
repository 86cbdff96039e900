#include "common/relay/tls_report.h"

#include <fmt/format.h>

#include "common/base/encoding.h"

namespace quartet::relay {
namespace {

using tlsrpt::v1::FailureDetails;
using State = DaneFinding::State;

bool follows_dane(const Candidate& host) {
  return host.dane && host.dane->state != State::kInsecure && host.dane->state != State::kNone;
}

const char* mode_name(sts::Mode mode) {
  static constexpr const char* kNames[] = {"none", "testing", "enforce"};
  return kNames[static_cast<int>(mode)];
}

FailureDetails details(const Candidate& host, const char* type, const std::string& reason) {
  FailureDetails out;
  out.set_result_type(type);
  out.set_mx_host(host.name);
  out.set_receiving_ip(host.address.host());
  out.set_reason(reason);
  return out;
}

const char* type_of(std::optional<tls::Fault> fault) {
  if (!fault) return "starttls-not-supported";
  switch (*fault) {
    case tls::Fault::kExpired:
      return "certificate-expired";
    case tls::Fault::kNameMismatch:
      return "certificate-host-mismatch";
    case tls::Fault::kUntrusted:
      return "certificate-not-trusted";
    case tls::Fault::kHandshake:
      break;
  }
  return "validation-failure";
}

/// RFC 8460 section 4.3.2.2.
const char* type_of(sts::Failure::Kind kind) {
  switch (kind) {
    case sts::Failure::Kind::kCertificate:
      return "sts-webpki-invalid";
    case sts::Failure::Kind::kInvalid:
      return "sts-policy-invalid";
    case sts::Failure::Kind::kFetch:
      break;
  }
  return "sts-policy-fetch-error";
}

}  // namespace

tlsrpt::v1::Policy reported_policy(const Candidate& host, const std::string& domain) {
  tlsrpt::v1::Policy policy;
  policy.set_domain(domain);
  if (follows_dane(host)) {
    policy.set_type("tlsa");
    for (const auto& record : host.dane->dane.records)
      policy.add_text(
          fmt::format("{} {} {} {}", record.usage, record.selector, record.matching_type, hex_encode(record.data)));
    policy.add_mx_host(host.dane->dane.base_domain.empty() ? host.name : host.dane->dane.base_domain);
  } else if (host.sts_finding.failure) {
    policy.set_type("sts");  // one that nobody has seen
  } else if (const auto& sts = host.sts_finding.policy) {
    policy.set_type("sts");
    policy.add_text("version: STSv1");
    policy.add_text(fmt::format("mode: {}", mode_name(sts->mode)));
    for (const auto& mx : sts->mx) policy.add_text("mx: " + mx);
    policy.add_text(fmt::format("max_age: {}", sts->max_age.count()));
    for (const auto& mx : sts->mx) policy.add_mx_host(mx);
  } else {
    policy.set_type("no-policy-found");
  }
  return policy;
}

FailureDetails reported_failure(const Candidate& host, const smtp::ClientError& error) {
  if (error.kind != smtp::ClientError::Kind::kTls && !error.starttls) return {};
  return details(host, type_of(error.handshake), error.detail);
}

FailureDetails reported_failure(const Candidate& host, const net::TlsInfo* tls) {
  if (tls == nullptr) return details(host, "starttls-not-supported", "");
  if (host.dane && host.dane->state == State::kUnusable) return details(host, "tlsa-invalid", host.dane->detail);
  return {};
}

FailureDetails reported_policy_failure(const Candidate& host) {
  if (follows_dane(host)) return {};
  const auto& [policy, failure] = host.sts_finding;
  if (failure) return details(host, type_of(failure->kind), failure->text);
  // Only tested, or there would be no session.
  if (policy && host.sts == Sts::kNone)
    return details(host, "validation-failure", "the policy does not name this host");
  return {};
}

FailureDetails reported_refusal(const Candidate& host, const std::string& reason) {
  if (host.dane && host.dane->state == State::kFailed) return details(host, "dnssec-invalid", reason);
  if (host.sts == Sts::kRefused) return details(host, "validation-failure", reason);
  if (host.tls == TlsPolicy::kDaneOnly) return details(host, "dane-required", reason);
  return {};
}

}  // namespace quartet::relay
