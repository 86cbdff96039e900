// One session of SMTP or LMTP as net::publish() tells of it: commands and replies, without what is secret, and of
// messages their sizes only.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "common/net/stream.h"
#include "common/smtp/reply.h"

namespace quartet::smtp {

class Wire {
 public:
  enum class Role { kClient, kServer };
  Wire(Role role, bool lmtp) : role_(role), lmtp_(lmtp) {}
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  /// Command lines with their ends. `host`: see net::WireLine.
  void commands(const net::Stream& stream, std::string_view host, std::string_view lines);
  void reply(const net::Stream& stream, std::string_view host, const Reply& reply);
  /// A message of so many octets went from the client to the server.
  void message(const net::Stream& stream, std::string_view host, std::uint64_t octets);
  void secured(const net::Stream& stream, std::string_view host);

 private:
  void publish(const net::Address& peer, std::string_view host, bool ours, bool last, std::string_view text);

  const Role role_;
  const bool lmtp_;
  std::uint64_t session_ = 0;  // 0: nobody has seen anything of it
};

/// The line as anybody may see it: the response in AUTH is hidden.
std::string without_secrets(std::string_view command);

}  // namespace quartet::smtp
