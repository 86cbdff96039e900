// Connections that stay within this host, where REQUIRETLS (RFC 8689) asks for nothing: who could read along there
// could read our memory as well.
#pragma once
#include "common/net/stream.h"

namespace quartet::smtp {

/// By a UNIX socket, or by LMTP from an address of this host to one; SMTP over loopback may be a tunnel to anywhere.
inline bool within_host(const net::Stream& stream, bool lmtp) {
  const auto& peer = stream.peer();
  return peer.is_unix() || (lmtp && (peer.is_loopback() || peer.host() == stream.local().host()));
}

}  // namespace quartet::smtp
