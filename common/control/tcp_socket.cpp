#include "common/control/tcp_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "common/net/address.h"

namespace quartet::control {
namespace {

constexpr int kBacklog = 128;

/// Whether `descriptor` listens now.
bool listen_on(int descriptor, const sockaddr_storage& address) {
  const int on = 1, off = 0;
  ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Linux gives it on to the connections.
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const bool six = address.ss_family == AF_INET6;
  if (six) ::setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  const socklen_t length = six ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  return ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), length) == 0 &&
         ::listen(descriptor, kBacklog) == 0;
}

}  // namespace

std::expected<std::unique_ptr<TcpSocket>, std::string> TcpSocket::open(const std::string& address) {
  const auto parsed = net::Address::parse(address);
  if (!parsed) return std::unexpected(address + ": " + parsed.error());
  if (parsed->is_unix()) return std::unexpected(address + ": not an address with a port");
  const auto failed = [&address] {
    return std::unexpected("cannot listen on " + address + ": " + std::strerror(errno));
  };
  sockaddr_storage wanted{};
  parsed->to_sockaddr(wanted);
  const int listener = ::socket(wanted.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return failed();
  std::unique_ptr<TcpSocket> opened(new TcpSocket(listener));
  if (!opened->acceptance_.ok() || !listen_on(listener, wanted)) return failed();
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  if (::getsockname(listener, reinterpret_cast<sockaddr*>(&bound), &length) != 0) return failed();
  opened->address_ = net::Address::from_sockaddr(reinterpret_cast<const sockaddr&>(bound)).to_string();
  return opened;
}

void TcpSocket::start(std::function<void(int)> take) { acceptance_.start(address_, std::move(take)); }

}  // namespace quartet::control
