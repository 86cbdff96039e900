// One connection to one host of a next hop, up to where mail can go over it; not for other folders.
#pragma once
#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/relay/candidates.h"
#include "common/relay/relay.h"
#include "common/smtp/client_session.h"
#include "quartet/tlsrpt/v1/report.pb.h"

namespace quartet::relay {

/// Options for sessions with the hosts of `next_hop`; choose_tls() completes them for one host.
smtp::ClientOptions client_options(const Options& options, const NextHop& next_hop);

/// In the terms of a reply; `host` is who said it, if it was said.
spool::Reply reply_of(const smtp::ClientError& error, const std::string& host);

/// The host for people and for Remote-MTA (RFC 3464 section 2.3.5).
std::string describe(const Candidate& host);

/// Where connections come from: one of our addresses, the `turn`th as it were; none: the system chooses.
struct Sources {
  std::vector<net::Address> addresses;
  std::size_t turn = 0;
};

/// Is told once of each host that was tried: what was wrong with its TLS, or that all was well (no result type).
/// Nothing of hosts that failed for other reasons.
using NoteTls = std::function<void(const Candidate& host, const tlsrpt::v1::FailureDetails& failure)>;

/// Why there is no session.
struct NoSession {
  spool::Reply reason;
  bool ours = false;  // this host has no descriptor or memory left for it, and the other one is not to blame
};

struct Dialling {
  TlsContexts tls;
  smtp::ClientOptions client;  // of client_options()
  Candidate host;
  std::string domain;            // for the log
  std::chrono::seconds timeout;  // of the connection
  Sources sources;
  NoteTls note = {};
};

/// Connects, opens the session, and does without TLS or without the proof that a policy in testing wants where that is
/// better than no mail (RFC 7435).
async::Task<std::expected<std::unique_ptr<smtp::ClientSession>, NoSession>> dial(Dialling call);

}  // namespace quartet::relay
