#include "tests/unit/dns/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

#include "tests/unit/dns/packet.h"

namespace quartet::dns::testing {
namespace {

/// What the tests' own queries consist of: one uncompressed question.
Query parse(const std::string& packet) {
  const auto u16 = [&](std::size_t at) {
    return static_cast<unsigned>(static_cast<unsigned char>(packet.at(at)) << 8 |
                                 static_cast<unsigned char>(packet.at(at + 1)));
  };
  Query query;
  query.id = static_cast<std::uint16_t>(u16(0));
  query.authentic_data = (u16(2) & 0x20) != 0;
  query.edns = u16(10) != 0;
  std::size_t at = 12;
  while (packet.at(at) != 0) {
    const auto length = static_cast<std::size_t>(packet.at(at));
    query.question.name += (query.question.name.empty() ? "" : ".") + packet.substr(at + 1, length);
    at += length + 1;
  }
  query.question.type = static_cast<Type>(u16(at + 1));
  return query;
}

}  // namespace

ScriptedServer::ScriptedServer(Script script) : script_(std::move(script)) {
  for (int attempt = 0; attempt < 20 && udp_ < 0; ++attempt) {
    tcp_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    udp_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(udp_, generic, size) == 0 && getsockname(udp_, generic, &size) == 0 && bind(tcp_, generic, size) == 0 &&
        listen(tcp_, 16) == 0) {
      address_ = net::Address::from_sockaddr(*generic);
      break;
    }
    close(tcp_);
    close(udp_);
    udp_ = -1;
  }
  if (udp_ < 0 || pipe(stop_) != 0) throw std::runtime_error("no port for the scripted name server");
  thread_ = std::thread([this] { run(); });
}

ScriptedServer::~ScriptedServer() {
  close(stop_[1]);
  thread_.join();
  for (const int fd : {udp_, tcp_, stop_[0]}) close(fd);
}

void ScriptedServer::run() {
  for (;;) {
    pollfd waits[] = {{stop_[0], POLLIN, 0}, {udp_, POLLIN, 0}, {tcp_, POLLIN, 0}};
    poll(waits, 3, -1);
    if (waits[0].revents != 0) return;
    if (waits[1].revents != 0) serve_udp();
    if (waits[2].revents != 0) serve_tcp();
  }
}

std::vector<std::string> ScriptedServer::reply(const std::string& packet, bool tcp) {
  auto query = parse(packet);
  query.tcp = tcp;
  query.number = ++queries_;
  return script_(query);
}

void ScriptedServer::serve_udp() {
  char buffer[4096];
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  const auto got = recvfrom(udp_, buffer, sizeof(buffer), 0, reinterpret_cast<sockaddr*>(&peer), &size);
  if (got <= 0) return;
  for (const auto& datagram : reply({buffer, static_cast<std::size_t>(got)}, false))
    (void)sendto(udp_, datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&peer), size);
}

void ScriptedServer::serve_tcp() {
  const int connection = accept(tcp_, nullptr, nullptr);
  char buffer[4096];
  std::string packet;
  while (packet.size() < 2 ||
         packet.size() < 2U + (static_cast<unsigned char>(packet[0]) << 8 | static_cast<unsigned char>(packet[1]))) {
    const auto got = recv(connection, buffer, sizeof(buffer), 0);
    if (got <= 0) break;
    packet.append(buffer, static_cast<std::size_t>(got));
  }
  if (packet.size() > 14) {
    for (const auto& message : reply(packet.substr(2), true)) {
      // Byte by byte, as a slow network may.
      for (const char c : Packet::u16(static_cast<unsigned>(message.size())) + message)
        (void)send(connection, &c, 1, MSG_NOSIGNAL);
    }
  }
  close(connection);
}

std::string a_record(const Query& query, const std::string& four_bytes, std::uint32_t ttl, unsigned flags) {
  return Packet(query.id, flags, query.question.name, query.question.type)
      .answer(query.question.name, Type::kA, ttl, four_bytes)
      .bytes();
}

}  // namespace quartet::dns::testing
