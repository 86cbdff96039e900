// Where to listen or connect: an IPv4 or IPv6 address with a port, or the path of a UNIX socket. Never a host name.
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

struct sockaddr;
struct sockaddr_storage;

namespace quartet::net {

class Address {
 public:
  enum class Family { kNone, kIpv4, kIpv6, kUnix };

  Address() = default;

  /// "192.0.2.1:25", "[2001:db8::1]:25", "unix:/run/x.sock"; the error says what was expected.
  static std::expected<Address, std::string> parse(std::string_view text);
  /// An address without a port ("192.0.2.1", "2001:db8::1") and a port.
  static std::expected<Address, std::string> from_ip(std::string_view ip, std::uint16_t port);
  static Address from_sockaddr(const sockaddr& address);

  Family family() const { return family_; }
  bool is_unix() const { return family_ == Family::kUnix; }
  std::uint16_t port() const { return port_; }
  Address with_port(std::uint16_t port) const;

  /// The address without port ("192.0.2.1", "2001:db8::1"), or the path of a UNIX socket.
  const std::string& host() const { return host_; }
  bool is_loopback() const;

  /// What parse() reads.
  std::string to_string() const;
  /// RFC 5321 section 4.1.3: "[192.0.2.1]", "[IPv6:2001:db8::1]"; "[unix]" for a UNIX socket (not of the RFC).
  std::string to_literal() const;

  /// Fills `storage`; not for UNIX sockets.
  void to_sockaddr(sockaddr_storage& storage) const;

  friend bool operator==(const Address&, const Address&) = default;

 private:
  Family family_ = Family::kNone;
  std::string host_;
  std::uint16_t port_ = 0;
};

/// A network such as "10.0.0.0/8", "::1/128" or a lone address; "unix" matches every UNIX-socket peer.
class Network {
 public:
  static std::expected<Network, std::string> parse(std::string_view text);
  bool contains(const Address& address) const;

 private:
  Address base_;
  unsigned prefix_ = 0;
};

}  // namespace quartet::net
