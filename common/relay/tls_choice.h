// What TLS a connection to a host must have, by the policy of its next hop and what the DNS says of it. Pure.
#pragma once
#include <expected>
#include <memory>
#include <string>

#include "common/net/stream.h"
#include "common/relay/candidates.h"
#include "common/smtp/client_session.h"
#include "common/spool/spool.h"
#include "common/tls/client_context.h"

namespace quartet::relay {

/// The contexts of a relay; both show our own certificate if there is one and the server asks for it.
struct TlsContexts {
  std::shared_ptr<const tls::ClientContext> any;       // takes whatever the server shows
  std::shared_ptr<const tls::ClientContext> verified;  // by authorities and name
};

/// Completes `options` for a session with `host`; the error is why there must be no session with it, in the terms of a
/// reply. Without a fall-back: the caller may try without TLS where the outcome is StartTls::kIfOffered.
std::expected<void, spool::Reply> choose_tls(const Candidate& host, const TlsContexts& contexts,
                                             smtp::ClientOptions& options);

/// For logs: "TLSv1.3 dane-ee", "TLSv1.2 unverified", "none".
std::string describe_tls(const net::TlsInfo* tls);
/// Recipients delivered, by version and by what the server was verified.
void count_tls(const net::TlsInfo* tls, std::size_t recipients);

}  // namespace quartet::relay
