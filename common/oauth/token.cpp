#include "common/oauth/token.h"

#include <algorithm>

namespace quartet::oauth {
namespace {

/// Of one key; null for what cannot be used.
std::shared_ptr<const crypto::VerifyingKey> key_of(const Object& jwk) {
  const auto octets = [&jwk](const char* name) { return base64url_decode(text_of(jwk, name)).value_or(""); };
  const auto& kind = text_of(jwk, "kty");
  const auto& curve = text_of(jwk, "crv");
  if (kind == "RSA") return crypto::VerifyingKey::rsa(octets("n"), octets("e"));
  if (kind == "EC" && curve == "P-256") return crypto::VerifyingKey::p256(octets("x"), octets("y"));
  if (kind == "OKP" && curve == "Ed25519") return crypto::VerifyingKey::ed25519(octets("x"));
  return nullptr;
}

const char* algorithm_of(crypto::VerifyingKey::Kind kind) {
  switch (kind) {
    case crypto::VerifyingKey::Kind::kRsa:
      return "RS256";
    case crypto::VerifyingKey::Kind::kP256:
      return "ES256";
    case crypto::VerifyingKey::Kind::kEd25519:
      break;
  }
  return "EdDSA";
}

}  // namespace

std::expected<Token, std::string> parse_token(std::string_view text) {
  const auto first = text.find('.');
  const auto second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos)
    return std::unexpected("it is no signed JWT");
  const auto header_text = base64url_decode(text.substr(0, first));
  const auto claims_text = base64url_decode(text.substr(first + 1, second - first - 1));
  auto signature = base64url_decode(text.substr(second + 1));
  if (!header_text || !claims_text || !signature) return std::unexpected("a part of it is not base64url");
  const auto header = parse_object(*header_text);
  auto claims = parse_object(*claims_text);
  if (!header || !claims) return std::unexpected("a part of it is no JSON object");
  // RFC 7515 section 4.1.11: extensions that must be understood, and none is.
  if (member_of(*header, "crit") != nullptr) return std::unexpected("it has a critical extension");
  return Token{text_of(*header, "alg"), text_of(*header, "kid"), *std::move(claims),
               std::string(text.substr(0, second)), *std::move(signature)};
}

std::expected<KeySet, std::string> parse_key_set(std::string_view json) {
  const auto object = parse_object(json);
  const auto* const list = object ? member_of(*object, "keys") : nullptr;
  if (list == nullptr || !list->has_list_value()) return std::unexpected("it is no JSON object with \"keys\"");
  KeySet out;
  for (const auto& value : list->list_value().values()) {
    if (!value.has_struct_value()) continue;
    const auto& jwk = value.struct_value();
    if (const auto& use = text_of(jwk, "use"); !use.empty() && use != "sig") continue;
    auto key = key_of(jwk);
    if (!key) continue;
    const std::string algorithm = algorithm_of(key->kind());
    if (const auto& only = text_of(jwk, "alg"); !only.empty() && only != algorithm) continue;
    out.push_back({text_of(jwk, "kid"), algorithm, std::move(key)});
  }
  if (out.empty()) return std::unexpected("it has no key for RS256, ES256 or EdDSA");
  return out;
}

Signature check_signature(const Token& token, const KeySet& keys) {
  auto result = Signature::kUnknownKey;
  for (const auto& key : keys) {
    if (key.algorithm != token.algorithm || (!token.key_id.empty() && key.id != token.key_id)) continue;
    if (key.key->verifies(token.signed_text, token.signature)) return Signature::kGood;
    // Without a name it may be of a key that we do not know.
    if (!token.key_id.empty()) result = Signature::kBad;
  }
  return result;
}

}  // namespace quartet::oauth
