// Clients as others name them: an IPv4 client that came to an IPv6 socket of a balancer is "::ffff:192.0.2.7".
#pragma once
#include <sys/socket.h>

#include "common/net/address.h"

namespace quartet::net {

/// The IPv4 address of such a one, as from a socket of our own; every other IP address as it is. Else it would be in
/// none of the networks of its client, and in one /64 with all others of its kind.
inline Address unmapped(const Address& address) {
  sockaddr_storage storage;
  address.to_sockaddr(storage);
  return Address::from_sockaddr(reinterpret_cast<const sockaddr&>(storage));
}

}  // namespace quartet::net
