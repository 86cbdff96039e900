#include "common/spool/wake.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <optional>

namespace quartet::spool {
namespace {

std::optional<sockaddr_un> address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.c_str(), path.native().size() + 1);
  return address;
}

journal::Fd datagram_socket() { return journal::Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

}  // namespace

Waker::Waker(const std::filesystem::path& directory)
    : path_(directory / "wake"), stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  const auto address = address_of(path_);
  if (!address) return;
  auto fd = datagram_socket();
  ::unlink(path_.c_str());
  if (fd && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0)
    socket_ = std::move(fd);
}

Waker::~Waker() {
  if (socket_) ::unlink(path_.c_str());
}

void Waker::wait(std::chrono::milliseconds longest) {
  pollfd descriptors[] = {{stop_.get(), POLLIN, 0}, {socket_.get(), POLLIN, 0}};
  (void)::poll(descriptors, 2, static_cast<int>(longest.count()));
  // All hints that came so far are answered by one look.
  char byte;
  while (socket_ && ::recv(socket_.get(), &byte, 1, MSG_DONTWAIT) >= 0) continue;
}

void Waker::stop() {
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof one);
}

WakeHint::WakeHint(const std::filesystem::path& directory) : path_(directory / "wake"), socket_(datagram_socket()) {}

void WakeHint::send() const {
  const auto address = address_of(path_);
  if (!address || !socket_) return;
  (void)!::sendto(socket_.get(), "", 0, MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&*address),
                  sizeof *address);
}

}  // namespace quartet::spool
