// The TCP port of the control plane. gRPC's own listener is given up for good as soon as it finds no descriptor left
// for a connection: this one goes on when there is one again.
#pragma once
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace quartet::control {

class TcpSocket {
 public:
  /// Listens on `address`, "192.0.2.1:7001" or "[::]:7001" (which is IPv4 as well). The error is one line for the
  /// operator.
  static std::expected<std::unique_ptr<TcpSocket>, std::string> open(const std::string& address);
  ~TcpSocket();
  TcpSocket(const TcpSocket&) = delete;
  TcpSocket& operator=(const TcpSocket&) = delete;

  /// Where it listens, with the port that the system chose if it was 0.
  const std::string& address() const { return address_; }

  /// As that of UnixSocket.
  void start(std::function<void(int descriptor)> take);

 private:
  TcpSocket(int listener, int wake) : listener_(listener), wake_(wake) {}

  int listener_;
  int wake_;  // readable: the thread is to end
  std::string address_;
  std::function<void(int)> take_;
  std::thread thread_;
};

}  // namespace quartet::control
