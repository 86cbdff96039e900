#include "common/net/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "common/base/ascii.h"
#include "common/base/check.h"

namespace quartet::net {
namespace {

/// 16 bytes, IPv4 in the first four; false if `host` is neither.
bool to_bytes(Address::Family family, const std::string& host, std::array<unsigned char, 16>& bytes) {
  bytes = {};
  if (family == Address::Family::kIpv4) return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1;
  if (family == Address::Family::kIpv6) return inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
  return false;
}

std::string normal_ipv6(const in6_addr& address) {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, &address, text, sizeof text);
  return text;
}

}  // namespace

std::expected<Address, std::string> Address::from_ip(std::string_view ip, std::uint16_t port) {
  Address address;
  address.port_ = port;
  address.host_ = ip;
  in_addr v4;
  in6_addr v6;
  if (ip.find('\0') != std::string_view::npos) {
    return std::unexpected(std::string("an address has no NUL"));  // inet_pton would not see what follows it
  } else if (inet_pton(AF_INET, address.host_.c_str(), &v4) == 1) {
    address.family_ = Family::kIpv4;
  } else if (inet_pton(AF_INET6, address.host_.c_str(), &v6) == 1) {
    address.family_ = Family::kIpv6;
    address.host_ = normal_ipv6(v6);
  } else {
    return std::unexpected(fmt::format("\"{}\" is not an IPv4 or IPv6 address", ip));
  }
  return address;
}

std::expected<Address, std::string> Address::parse(std::string_view text) {
  const auto bad = [text] {
    return std::unexpected(fmt::format("expected address:port, [IPv6 address]:port or unix:/path, not \"{}\"", text));
  };
  if (text.starts_with("unix:")) {
    // sun_path holds 108 bytes with the final NUL (unix(7)).
    if (text.size() < 6 || text.size() - 5 > 107 || text.find('\0') != std::string_view::npos) return bad();
    Address address;
    address.family_ = Family::kUnix;
    address.host_ = text.substr(5);
    return address;
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad();
  auto host = text.substr(0, colon);
  const auto port = ascii::to_number<std::uint16_t>(text.substr(colon + 1));
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!port || bracketed != (host.find(':') != std::string_view::npos)) return bad();
  auto address = from_ip(host, *port);
  if (!address) return bad();
  return address;
}

Address Address::from_sockaddr(const sockaddr& address) {
  Address out;
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    char text[INET_ADDRSTRLEN];
    out.family_ = Family::kIpv4;
    out.host_ = inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    out.port_ = ntohs(v4.sin_port);
  } else if (address.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    out.port_ = ntohs(v6.sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      char text[INET_ADDRSTRLEN];
      out.family_ = Family::kIpv4;
      out.host_ = inet_ntop(AF_INET, v6.sin6_addr.s6_addr + 12, text, sizeof text);
    } else {
      out.family_ = Family::kIpv6;
      out.host_ = normal_ipv6(v6.sin6_addr);
    }
  } else if (address.sa_family == AF_UNIX) {
    out.family_ = Family::kUnix;
  }
  return out;
}

Address Address::with_port(std::uint16_t port) const {
  Address out = *this;
  out.port_ = port;
  return out;
}

bool Address::is_loopback() const {
  if (family_ == Family::kIpv4) return host_.starts_with("127.");
  return family_ == Family::kUnix || (family_ == Family::kIpv6 && host_ == "::1");
}

std::string Address::to_string() const {
  switch (family_) {
    case Family::kIpv4:
      return fmt::format("{}:{}", host_, port_);
    case Family::kIpv6:
      return fmt::format("[{}]:{}", host_, port_);
    case Family::kUnix:
      return "unix:" + host_;
    case Family::kNone:
      break;
  }
  return "none";
}

std::string Address::to_literal() const {
  if (family_ == Family::kIpv4) return "[" + host_ + "]";
  if (family_ == Family::kIpv6) return "[IPv6:" + host_ + "]";
  return family_ == Family::kUnix ? "[unix]" : "[unknown]";
}

void Address::to_sockaddr(sockaddr_storage& storage) const {
  std::memset(&storage, 0, sizeof storage);
  if (family_ == Family::kIpv4) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port_);
    QUARTET_CHECK(inet_pton(AF_INET, host_.c_str(), &v4.sin_addr) == 1);
    return;
  }
  QUARTET_CHECK(family_ == Family::kIpv6);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port_);
  QUARTET_CHECK(inet_pton(AF_INET6, host_.c_str(), &v6.sin6_addr) == 1);
}

std::expected<Network, std::string> Network::parse(std::string_view text) {
  Network network;
  if (text == "unix") {
    network.base_ = *Address::parse("unix:/");
    return network;
  }
  const auto slash = text.find('/');
  auto base = Address::from_ip(text.substr(0, slash), 0);
  if (!base) return std::unexpected(fmt::format("expected address, address/prefix or unix, not \"{}\"", text));
  const unsigned bits = base->family() == Address::Family::kIpv4 ? 32 : 128;
  network.base_ = *std::move(base);
  network.prefix_ = bits;
  if (slash == std::string_view::npos) return network;
  const auto prefix = ascii::to_number<unsigned>(text.substr(slash + 1));
  if (!prefix || *prefix > bits)
    return std::unexpected(fmt::format("the prefix of \"{}\" is not from 0 to {}", text, bits));
  network.prefix_ = *prefix;
  return network;
}

bool Network::contains(const Address& address) const {
  if (address.family() != base_.family()) return false;
  if (address.is_unix()) return true;
  std::array<unsigned char, 16> base;
  std::array<unsigned char, 16> other;
  if (!to_bytes(base_.family(), base_.host(), base) || !to_bytes(address.family(), address.host(), other)) return false;
  for (unsigned bit = 0; bit < prefix_; ++bit) {
    const unsigned mask = 0x80u >> bit % 8;
    if ((base[bit / 8] & mask) != (other[bit / 8] & mask)) return false;
  }
  return true;
}

}  // namespace quartet::net
