// A connection that a load balancer passes on with the PROXY protocol.
#pragma once
#include "common/net/stream.h"

namespace quartet::net {

/// Reads the header; the stream's peer() and local() are then the client's. An error: it did not come, or what came is
/// no such header (kSystem, with the reason as its detail).
async::Task<StreamResult> accept_proxied(std::unique_ptr<Stream> stream, async::Deadline deadline);

}  // namespace quartet::net
