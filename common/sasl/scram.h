// SCRAM (RFC 5802; SHA-256 by RFC 7677): what is stored of a password, and the values that both sides compute. Sans-IO.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "common/crypto/digest.h"

namespace quartet::sasl {

/// What a server keeps instead of a password (RFC 5803). Whoever reads it can play the server, but must find the
/// password to play the client.
struct ScramVerifier {
  crypto::Digest digest = crypto::Digest::kSha256;
  std::uint32_t iterations = 0;
  std::string salt;  // octets, as the two below
  std::string stored_key;
  std::string server_key;
  friend bool operator==(const ScramVerifier&, const ScramVerifier&) = default;
};

/// RFC 7677 section 4 wants at least 4,096; more costs clients, not us.
inline constexpr std::uint32_t kScramIterations = 10'000;
/// Beyond it no client would wait.
inline constexpr std::uint32_t kMostScramIterations = 10'000'000;

/// "SCRAM-SHA-1" or "SCRAM-SHA-256".
std::string_view scram_name(crypto::Digest digest);

/// "SCRAM-SHA-256$10000:salt$stored:server", the last three in base64; from 1 to kMostScramIterations.
std::optional<ScramVerifier> parse_scram_verifier(std::string_view text);
std::string to_string(const ScramVerifier& verifier);

/// Of a password as the user types it; nullopt if no client could send it (prepare()). Blocks for some milliseconds, as
/// does fits().
std::optional<ScramVerifier> make_scram_verifier(crypto::Digest digest, std::string_view password, std::string salt,
                                                 std::uint32_t iterations);
bool fits(const ScramVerifier& verifier, std::string_view password);

/// SASLprep (RFC 4013) for stored strings: what must be the same on both sides, whatever keyboard it came from. nullopt
/// for what is not UTF-8 or is prohibited.
std::optional<std::string> prepare(std::string_view text);

/// RFC 5802 section 3: keys of the client's side.
struct ScramKeys {
  std::string client_key;
  std::string stored_key;
  std::string server_key;
};
ScramKeys scram_keys(crypto::Digest digest, std::string_view prepared_password, std::string_view salt,
                     std::uint32_t iterations);
/// Octet by octet; both have the same length.
std::string exclusive_or(std::string one, std::string_view other);

}  // namespace quartet::sasl
