// A UDP socket connected to one peer, for DNS.
#pragma once
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "common/net/stream.h"

namespace quartet::net {

class UdpSocket {
 public:
  virtual ~UdpSocket() = default;

  /// Bound to a random local port; only datagrams from `peer` are received.
  static std::expected<std::unique_ptr<UdpSocket>, IoError> connect(const Address& peer);

  virtual async::Task<std::expected<void, IoError>> send(std::string_view datagram, async::Deadline deadline) = 0;
  /// The view is valid until the next call.
  virtual async::Task<std::expected<std::string_view, IoError>> receive(async::Deadline deadline) = 0;
};

}  // namespace quartet::net
