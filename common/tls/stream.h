// TLS on a connection.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "common/net/stream.h"
#include "common/tls/client_context.h"
#include "common/tls/dane.h"
#include "common/tls/fault.h"
#include "common/tls/server_context.h"

namespace quartet::tls {

/// The server's side of a handshake on `stream`. Errors: kTls with the reason (after the alert was sent), or the
/// stream's.
async::Task<net::StreamResult> accept(std::unique_ptr<net::Stream> stream, std::shared_ptr<const ServerContext> context,
                                      async::Deadline deadline);

/// Engine::peer_names() of the peer of accept() or connect(); none for any other stream.
std::vector<std::string> peer_names(const net::Stream& stream);

/// For who ends a connection in good order: says close_notify (RFC 8446 section 6.1), without which the peer takes the
/// end for a cut. Waits a moment at most; does nothing without TLS, or without a stream.
async::Task<void> say_end(net::Stream* stream);

/// Why there is no TLS with a server.
struct ConnectError : net::IoError {
  Fault fault = Fault::kHandshake;
};
using ConnectResult = std::expected<std::unique_ptr<net::Stream>, ConnectError>;

/// The client's side; `server_name` as Engine::client.
async::Task<ConnectResult> connect(std::unique_ptr<net::Stream> stream, std::shared_ptr<const ClientContext> context,
                                   std::string server_name, async::Deadline deadline);
/// The same by TLSA records.
async::Task<ConnectResult> connect(std::unique_ptr<net::Stream> stream, std::shared_ptr<const ClientContext> context,
                                   std::shared_ptr<const Dane> dane, async::Deadline deadline);

}  // namespace quartet::tls
