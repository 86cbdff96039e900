// Tokens that carry their claims and a signature: JWTs (RFC 7519) in the compact form of JWS (RFC 7515), and the keys
// they are checked by (RFC 7517). Sans-IO.
#pragma once
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/crypto/verifying_key.h"
#include "common/oauth/json.h"

namespace quartet::oauth {

/// A token whose signature nobody has looked at.
struct Token {
  std::string algorithm;  // "RS256"; whatever the token says
  std::string key_id;     // empty: none is named
  Object claims;
  std::string signed_text;
  std::string signature;  // octets
};

/// The error says what is wrong with it.
std::expected<Token, std::string> parse_token(std::string_view text);

struct PublicKey {
  std::string id;         // may be empty
  std::string algorithm;  // "RS256", "ES256" or "EdDSA": what its kind is for, and nothing else
  std::shared_ptr<const crypto::VerifyingKey> key;
};
using KeySet = std::vector<PublicKey>;

/// Keys of other kinds, for other algorithms or for another use are left out. The error: it is no set of keys, or none
/// of them can be used.
std::expected<KeySet, std::string> parse_key_set(std::string_view json);

enum class Signature {
  kGood,
  kBad,
  kUnknownKey,  // no key of the set is the token's
};
/// Only a key whose own algorithm is the token's is asked, so that a token cannot choose how it is checked (RFC 8725
/// section 3.1).
Signature check_signature(const Token& token, const KeySet& keys);

}  // namespace quartet::oauth
