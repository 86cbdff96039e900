#include "common/smtp/wire.h"

#include <fmt/format.h>

#include "common/base/ascii.h"
#include "common/net/wire.h"

namespace quartet::smtp {
namespace {

constexpr const char* kSecret = "(secret)";

std::string_view without_end(std::string_view line) {
  while (line.ends_with('\r') || line.ends_with('\n')) line.remove_suffix(1);
  return line;
}

}  // namespace

std::string without_secrets(std::string_view command) {
  const auto mechanism = command.find_first_not_of(' ', 4);
  if (!ascii::istarts_with(command, "AUTH ") || mechanism == std::string_view::npos) return std::string(command);
  const auto end = command.find(' ', mechanism);
  if (end == std::string_view::npos) return std::string(command);
  return fmt::format("{} {}", command.substr(0, end), kSecret);
}

Wire::~Wire() {
  if (session_ != 0 && net::wire_is_watched()) publish({}, {}, false, true, {});
}

void Wire::publish(const net::Address& peer, std::string_view host, bool ours, bool last, std::string_view text) {
  if (session_ == 0) session_ = net::next_wire_session();
  net::publish({session_, role_ == Role::kServer, lmtp_ ? "lmtp" : "smtp", peer, host, ours, last, text});
}

void Wire::commands(const net::Stream& stream, std::string_view host, std::string_view lines) {
  if (!net::wire_is_watched()) return;
  const auto peer = stream.peer();
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    publish(peer, host, role_ == Role::kClient, false, without_secrets(without_end(lines.substr(0, end))));
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
  }
}

void Wire::reply(const net::Stream& stream, std::string_view host, const Reply& reply) {
  if (!net::wire_is_watched()) return;
  const auto peer = stream.peer();
  const auto said = reply.code == 334 ? Reply(334, "", kSecret) : reply;
  const auto text = format(said);
  for (std::string_view lines = text; !lines.empty();) {
    const auto end = lines.find('\n');
    publish(peer, host, role_ == Role::kServer, false, without_end(lines.substr(0, end)));
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
  }
}

void Wire::message(const net::Stream& stream, std::string_view host, std::uint64_t octets) {
  if (!net::wire_is_watched()) return;
  publish(stream.peer(), host, role_ == Role::kClient, false, fmt::format("(a message of {} octets)", octets));
}

void Wire::secured(const net::Stream& stream, std::string_view host) {
  if (!net::wire_is_watched() || stream.tls() == nullptr) return;
  publish(stream.peer(), host, true, false, fmt::format("({} {})", stream.tls()->version, stream.tls()->cipher));
}

}  // namespace quartet::smtp
