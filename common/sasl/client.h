// Logging in from the client's side: by SCRAM-SHA-256 or SCRAM-SHA-1, bound to the TLS connection where server and
// connection can, else by PLAIN. SMTP (RFC 4954) and IMAP (RFC 9051) put these into their own commands. Sans-IO.
#pragma once
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/stream.h"
#include "common/sasl/scram_client.h"

namespace quartet::sasl {

class Client {
 public:
  /// The best that the server offers on `stream`, which is within TLS. The error is for people. Who offers SCRAM is not
  /// told the password, come what may.
  static std::expected<Client, std::string> choose(std::string_view user, std::string_view password,
                                                   const std::vector<std::string>& offered, const net::Stream& stream);

  /// "SCRAM-SHA-256-PLUS".
  const std::string& mechanism() const { return mechanism_; }
  /// The initial response in base64.
  const std::string& initial() const { return initial_; }
  /// What answers a challenge, both in base64. The error is for people. Blocks as long as the server wants, at most a
  /// second.
  std::expected<std::string, std::string> respond(std::string_view challenge);
  /// Whether a success may be believed now: the server has shown that it knows the password, if the mechanism asks for
  /// that.
  bool may_end() const { return may_end_; }

 private:
  Client(std::string mechanism, std::string_view initial);

  std::string mechanism_;
  std::string initial_;
  std::unique_ptr<ScramClient> scram_;  // null: PLAIN
  bool responded_ = false;
  bool may_end_ = false;
};

}  // namespace quartet::sasl
