// Connecting and listening: TCP and UNIX sockets over libuv.
#pragma once
#include <expected>
#include <memory>
#include <optional>

#include "common/net/stream.h"

namespace quartet::net {

struct ConnectOptions {
  /// Local address to bind, port 0. One that cannot be had is kDenied, or kInUse when all its ports are taken.
  std::optional<Address> source;
};

/// Connects on the current loop. TCP_NODELAY is set.
async::Task<StreamResult> connect(Address peer, ConnectOptions options, async::Deadline deadline);

struct ListenOptions {
  int backlog = 1024;
  bool reuse_port = false;    // TCP: several loops (or processes) each with a listener of their own on the port
  unsigned unix_mode = 0660;  // permissions of the socket file
};

/// A bound listening socket of the current loop.
class Listener {
 public:
  virtual ~Listener() = default;  // a UNIX socket's file is removed

  /// Port 0 binds a free port; local() tells which. A stale UNIX socket file is replaced, a live one is kInUse.
  static std::expected<std::unique_ptr<Listener>, IoError> open(const Address& address, ListenOptions options = {});

  /// The next connection. When the system cannot give it (out of descriptors, mostly) it stays in the backlog: pause,
  /// then ask again.
  virtual async::Task<StreamResult> accept() = 0;
  virtual const Address& local() const = 0;
};

}  // namespace quartet::net
