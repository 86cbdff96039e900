// The TCP port of the control plane. gRPC's own listener is given up for good as soon as it finds no descriptor left
// for a connection: this one goes on when there is one again.
#pragma once
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "common/control/acceptance.h"

namespace quartet::control {

class TcpSocket {
 public:
  /// Listens on `address`, "192.0.2.1:7001" or "[::]:7001" (which is IPv4 as well). The error is one line for the
  /// operator.
  static std::expected<std::unique_ptr<TcpSocket>, std::string> open(const std::string& address);

  /// Where it listens, with the port that the system chose if it was 0.
  const std::string& address() const { return address_; }

  /// As that of UnixSocket.
  void start(std::function<void(int descriptor)> take);

 private:
  explicit TcpSocket(int listener) : acceptance_(listener) {}

  Acceptance acceptance_;
  std::string address_;
};

}  // namespace quartet::control
