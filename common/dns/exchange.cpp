#include "common/dns/exchange.h"

#include <fmt/format.h>
#include <sys/random.h>

#include "common/base/check.h"
#include "common/dns/codec.h"
#include "common/net/socket.h"
#include "common/net/udp.h"

namespace quartet::dns {
namespace {

Error from_io(const net::IoError& error, const net::Address& server) {
  const auto code = error.code == net::IoCode::kTimedOut    ? Code::kTimedOut
                    : error.code == net::IoCode::kCancelled ? Code::kCancelled
                    : error.code == net::IoCode::kScarce    ? Code::kScarce
                                                            : Code::kNetwork;
  return Error{code, fmt::format("server {}: {}", server.to_string(), net::to_string(error)), false};
}

Error nonsense(const net::Address& server, std::string_view what) {
  return Error{Code::kServerFailed, fmt::format("server {}: {}", server.to_string(), what), false};
}

bool has_id(std::string_view packet, std::uint16_t id) {
  return packet.size() >= 2 && static_cast<unsigned char>(packet[0]) == id >> 8 &&
         static_cast<unsigned char>(packet[1]) == (id & 0xff);
}

/// Servers may leave the question out when they refuse it.
bool answers(const Message& message, const Question& question) {
  if (message.has_question) return message.question == question;
  return message.code != ResponseCode::kNoError && message.code != ResponseCode::kNoSuchDomain;
}

async::Task<std::expected<Message, Error>> over_udp(net::Address server, Question question, std::string query,
                                                    std::uint16_t id, async::Deadline deadline) {
  auto socket = net::UdpSocket::connect(server);
  if (!socket) co_return std::unexpected(from_io(socket.error(), server));
  const auto sent = co_await (*socket)->send(query, deadline);
  if (!sent) co_return std::unexpected(from_io(sent.error(), server));
  for (;;) {
    const auto datagram = co_await (*socket)->receive(deadline);
    if (!datagram) co_return std::unexpected(from_io(datagram.error(), server));
    if (!has_id(*datagram, id)) continue;
    auto message = decode_answer(*datagram);
    if (!message) co_return std::unexpected(nonsense(server, message.error()));
    if (answers(*message, question)) co_return std::move(*message);
  }
}

/// Exactly `size` bytes; `buffer` holds what came beyond.
async::Task<std::expected<std::string, net::IoError>> read_exactly(net::Stream& stream, std::string& buffer,
                                                                   std::size_t size, async::Deadline deadline) {
  while (buffer.size() < size) {
    const auto bytes = co_await stream.read_some(deadline);
    if (!bytes) co_return std::unexpected(bytes.error());
    buffer.append(*bytes);
  }
  auto taken = buffer.substr(0, size);
  buffer.erase(0, size);
  co_return taken;
}

/// RFC 1035 section 4.2.2 and RFC 7766: two bytes of length before each message.
async::Task<std::expected<Message, Error>> over_tcp(net::Address server, Question question, std::string query,
                                                    std::uint16_t id, async::Deadline deadline) {
  auto stream = co_await net::connect(server, {}, deadline);
  if (!stream) co_return std::unexpected(from_io(stream.error(), server));
  const char length[] = {static_cast<char>(query.size() >> 8), static_cast<char>(query.size() & 0xff)};
  query.insert(0, length, sizeof(length));
  const auto sent = co_await (*stream)->write(query, deadline);
  if (!sent) co_return std::unexpected(from_io(sent.error(), server));
  std::string buffer;
  const auto prefix = co_await read_exactly(**stream, buffer, 2, deadline);
  if (!prefix) co_return std::unexpected(from_io(prefix.error(), server));
  const std::size_t size = static_cast<unsigned char>((*prefix)[0]) << 8 | static_cast<unsigned char>((*prefix)[1]);
  const auto packet = co_await read_exactly(**stream, buffer, size, deadline);
  if (!packet) co_return std::unexpected(from_io(packet.error(), server));
  auto message = decode_answer(*packet);
  if (!message) co_return std::unexpected(nonsense(server, message.error()));
  if (message->id != id || !answers(*message, question) || message->truncated)
    co_return std::unexpected(nonsense(server, "an answer over TCP that does not belong to the question"));
  co_return std::move(*message);
}

}  // namespace

std::uint32_t random_number() {
  std::uint32_t number = 0;
  // At most 256 bytes are never interrupted and never short once the kernel's pool is ready (getrandom(2)).
  QUARTET_CHECK(getrandom(&number, sizeof(number), 0) == static_cast<ssize_t>(sizeof(number)));
  return number;
}

async::Task<std::expected<Message, Error>> exchange(net::Address server, Question question, ExchangeOptions options,
                                                    async::Deadline deadline) {
  QueryOptions query;
  query.id = static_cast<std::uint16_t>(random_number());
  query.authentic_data = options.authentic_data;
  if (!options.edns) query.udp_payload.reset();
  const auto packet = encode_query(question, query);
  if (!packet) co_return std::unexpected(Error{Code::kBadName, packet.error(), false});
  auto message = co_await over_udp(server, question, *packet, query.id, deadline);
  if (!message || !message->truncated) co_return message;
  co_return co_await over_tcp(std::move(server), std::move(question), *packet, query.id, deadline);
}

}  // namespace quartet::dns
