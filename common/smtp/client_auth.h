// AUTH from the client's side (RFC 4954): SCRAM-SHA-256 or SCRAM-SHA-1, bound to the TLS connection where server and
// connection can, else PLAIN. Sans-IO.
#pragma once
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/stream.h"
#include "common/sasl/scram_client.h"
#include "common/smtp/client_session.h"

namespace quartet::smtp {

class ClientAuth {
 public:
  /// The best that the server offers on `stream`, which is within TLS. The error is for people. Who offers SCRAM is not
  /// told the password, come what may.
  static std::expected<ClientAuth, std::string> choose(const ClientLogin& login,
                                                       const std::vector<std::string>& offered,
                                                       const net::Stream& stream);

  /// The command, with its CRLF.
  const std::string& command() const { return command_; }
  /// The line that answers a 334 of this text, with its CRLF. The error is for people. Blocks as long as the server
  /// wants, at most a second.
  std::expected<std::string, std::string> respond(std::string_view challenge);
  /// Whether a 235 may be believed now: the server has shown that it knows the password, if the mechanism asks for
  /// that.
  bool may_end() const { return may_end_; }

 private:
  explicit ClientAuth(std::string command) : command_(std::move(command)) {}

  std::string command_;
  std::unique_ptr<sasl::ScramClient> scram_;  // null: PLAIN
  bool responded_ = false;
  bool may_end_ = false;
};

}  // namespace quartet::smtp
