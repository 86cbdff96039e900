// What a session, or why there is none, says about the TLS of a domain's host, in the terms of RFC 8460. Pure.
#pragma once
#include <string>

#include "common/relay/candidates.h"
#include "common/smtp/client_session.h"
#include "quartet/tlsrpt/v1/report.pb.h"

namespace quartet::relay {

/// The policy that `host` had to follow for `domain` (section 4.2). TLSA records come before MTA-STS (RFC 8461 section
/// 2).
tlsrpt::v1::Policy reported_policy(const Candidate& host, const std::string& domain);

/// Section 4.3 for an attempt with `host` that ended with `error`; nothing (an empty result type) if it says nothing
/// about TLS.
tlsrpt::v1::FailureDetails reported_failure(const Candidate& host, const smtp::ClientError& error);
/// For a session that came about, under TLS or not; empty if all is well with it.
tlsrpt::v1::FailureDetails reported_failure(const Candidate& host, const net::TlsInfo* tls);
/// What is wrong with what MTA-STS says of the host's domain, whatever its sessions are like; empty: nothing is.
tlsrpt::v1::FailureDetails reported_policy_failure(const Candidate& host);
/// For a host that choose_tls() refused with `reason`; empty if that was not for the sake of a policy of the domain.
tlsrpt::v1::FailureDetails reported_refusal(const Candidate& host, const std::string& reason);

}  // namespace quartet::relay
