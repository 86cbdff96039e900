#include "common/sasl/scram.h"

#include <fmt/format.h>

#include <charconv>

#include "common/base/check.h"
#include "common/base/encoding.h"

namespace quartet::sasl {
namespace {

using crypto::Digest;
using crypto::hash;
using crypto::hmac;

/// What is before `end`; both it and `end` are taken from the front of `text`.
std::optional<std::string_view> take_until(std::string_view& text, char end) {
  const auto at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const auto part = text.substr(0, at);
  text.remove_prefix(at + 1);
  return part;
}

std::optional<std::uint32_t> iterations_of(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (value == 0 || value > kMostScramIterations) return std::nullopt;
  return value;
}

}  // namespace

std::string_view scram_name(Digest digest) { return digest == Digest::kSha1 ? "SCRAM-SHA-1" : "SCRAM-SHA-256"; }

std::optional<ScramVerifier> parse_scram_verifier(std::string_view text) {
  const auto name = take_until(text, '$');
  const auto count = take_until(text, ':');
  const auto salt = take_until(text, '$');
  const auto stored = take_until(text, ':');
  if (!name || !count || !salt || !stored) return std::nullopt;
  const auto digest = *name == scram_name(Digest::kSha1) ? Digest::kSha1 : Digest::kSha256;
  if (*name != scram_name(digest)) return std::nullopt;
  const auto iterations = iterations_of(*count);
  auto salt_octets = base64_decode(*salt);
  auto stored_key = base64_decode(*stored);
  auto server_key = base64_decode(text);
  if (!iterations || !salt_octets || salt_octets->empty() || !stored_key || !server_key) return std::nullopt;
  if (stored_key->size() != size_of(digest) || server_key->size() != size_of(digest)) return std::nullopt;
  return ScramVerifier{digest, *iterations, *std::move(salt_octets), *std::move(stored_key), *std::move(server_key)};
}

std::string to_string(const ScramVerifier& verifier) {
  return fmt::format("{}${}:{}${}:{}", scram_name(verifier.digest), verifier.iterations, base64_encode(verifier.salt),
                     base64_encode(verifier.stored_key), base64_encode(verifier.server_key));
}

ScramKeys scram_keys(Digest digest, std::string_view prepared_password, std::string_view salt,
                     std::uint32_t iterations) {
  const auto salted = crypto::pbkdf2(digest, prepared_password, salt, iterations);
  ScramKeys keys;
  keys.client_key = hmac(digest, salted, "Client Key");
  keys.stored_key = hash(digest, keys.client_key);
  keys.server_key = hmac(digest, salted, "Server Key");
  return keys;
}

std::optional<ScramVerifier> make_scram_verifier(Digest digest, std::string_view password, std::string salt,
                                                 std::uint32_t iterations) {
  const auto prepared = prepare(password);
  if (!prepared || prepared->empty()) return std::nullopt;
  auto keys = scram_keys(digest, *prepared, salt, iterations);
  return ScramVerifier{digest, iterations, std::move(salt), std::move(keys.stored_key), std::move(keys.server_key)};
}

bool fits(const ScramVerifier& verifier, std::string_view password) {
  const auto made = make_scram_verifier(verifier.digest, password, verifier.salt, verifier.iterations);
  return made && crypto::same_secret(made->stored_key, verifier.stored_key);
}

std::string exclusive_or(std::string one, std::string_view other) {
  QUARTET_CHECK(one.size() == other.size());
  for (std::size_t i = 0; i < one.size(); ++i) one[i] = static_cast<char>(one[i] ^ other[i]);
  return one;
}

}  // namespace quartet::sasl
