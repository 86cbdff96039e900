// SCRAM from the client's side (RFC 5802): it proves its password and then wants to see that the server knows it, too.
#pragma once
#include <expected>
#include <string>
#include <string_view>

#include "common/sasl/scram.h"

namespace quartet::sasl {

/// A channel to bind to.
struct BoundChannel {
  std::string type;    // "tls-exporter"; empty: none, which is the mechanism without -PLUS
  std::string octets;  // what identifies it
  /// Without a type: the client could bind, but the server did not offer -PLUS. One that did offer it will know that
  /// somebody between has taken it from its list.
  bool not_offered = false;
};

class ScramClient {
 public:
  /// `nonce`: printable, without commas, never used before.
  ScramClient(crypto::Digest digest, std::string_view user, std::string_view password, BoundChannel channel,
              std::string nonce);

  /// client-first-message.
  std::string first() const { return gs2_header_ + first_bare_; }
  /// client-final-message for the server's first one. The error says what is wrong with that. Blocks as long as the
  /// server wants, at most some seconds.
  std::expected<std::string, std::string> respond(std::string_view server_first);
  /// Whether the server's last message shows that it knows the verifier.
  bool believes(std::string_view server_final) const;

 private:
  const crypto::Digest digest_;
  const std::string password_;
  const std::string nonce_;
  std::string gs2_header_;
  std::string bound_;
  std::string first_bare_;
  std::string signature_;  // that the server must show
};

}  // namespace quartet::sasl
