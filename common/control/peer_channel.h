// How an agent reaches the control plane of another one.
#pragma once
#include <memory>

#include "common/control/server.h"

namespace grpc {
class Channel;
}

namespace quartet::control {

/// By its UNIX socket, or by mutual TLS with our own certificate. Files are read at each call.
std::shared_ptr<grpc::Channel> peer_channel(const Options& options, const PeerOptions& peer);

}  // namespace quartet::control
