// The PROXY protocol, versions 1 and 2 (haproxy.org, doc/proxy-protocol.txt): what a load balancer says of a connection
// before the client's first octet. Sans-IO.
#pragma once
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "common/net/address.h"

namespace quartet::net {

struct ProxyHeader {
  /// Both ends as the client's connection to the balancer has them. None if the balancer speaks for itself (LOCAL, for
  /// its checks) or cannot say (UNKNOWN, or what is neither TCP over IPv4 nor over IPv6): then those of the connection
  /// count.
  std::optional<Address> client;
  std::optional<Address> server;
};

enum class ProxyError {
  kNotProxy,   // what came is no such header
  kMalformed,  // it begins like one
  kTooLong,    // of version 2, with additions of more than kMostProxyHeader octets
};

constexpr std::size_t kMostProxyHeader = 4096;

/// Bytes in, one header out. How the bytes were split never changes what next() yields.
class ProxyParser {
 public:
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  /// nullopt: more input is needed. After a header or an error it is not called again.
  std::optional<std::expected<ProxyHeader, ProxyError>> next();
  /// After a header: the client's own first octets.
  std::string_view unconsumed() const { return std::string_view(buffer_).substr(taken_); }

 private:
  std::optional<std::expected<ProxyHeader, ProxyError>> next_text();
  std::optional<std::expected<ProxyHeader, ProxyError>> next_binary();

  std::string buffer_;
  std::size_t taken_ = 0;
};

const char* to_string(ProxyError error);

}  // namespace quartet::net
