#include "common/sasl/scram_client.h"

#include <fmt/format.h>

#include <charconv>

#include "common/base/ascii.h"
#include "common/base/encoding.h"

namespace quartet::sasl {
namespace {

/// More would keep this thread busy for seconds at a server's wish.
constexpr std::uint32_t kMostPatience = 1'000'000;

std::string saslname(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == ',')
      out += "=2C";
    else if (c == '=')
      out += "=3D";
    else
      out += c;
  }
  return out;
}

}  // namespace

ScramClient::ScramClient(crypto::Digest digest, std::string_view user, std::string_view password, BoundChannel channel,
                         std::string nonce)
    : digest_(digest),
      password_(prepare(password).value_or(std::string(password))),
      nonce_(std::move(nonce)),
      gs2_header_(!channel.type.empty() ? fmt::format("p={},,", channel.type)
                  : channel.not_offered ? "y,,"
                                        : "n,,"),
      bound_(std::move(channel.octets)),
      first_bare_(fmt::format("n={},r={}", saslname(prepare(user).value_or(std::string(user))), nonce_)) {}

std::expected<std::string, std::string> ScramClient::respond(std::string_view server_first) {
  const auto parts = ascii::split(server_first, ',');
  if (parts.size() < 3 || !parts[0].starts_with("r=") || !parts[1].starts_with("s=") || !parts[2].starts_with("i="))
    return std::unexpected("the server's challenge is malformed");
  const auto nonce = parts[0].substr(2);
  if (!nonce.starts_with(nonce_) || nonce.size() == nonce_.size())
    return std::unexpected("the server's nonce does not continue ours");
  const auto salt = base64_decode(parts[1].substr(2));
  const auto count = parts[2].substr(2);
  std::uint32_t iterations = 0;
  const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), iterations);
  if (!salt || salt->empty() || error != std::errc() || end != count.data() + count.size() || iterations == 0)
    return std::unexpected("the server's challenge is malformed");
  if (iterations > kMostPatience) return std::unexpected("the server wants too many iterations");
  const auto keys = scram_keys(digest_, password_, *salt, iterations);
  const auto final = fmt::format("c={},r={}", base64_encode(gs2_header_ + bound_), nonce);
  const auto message = fmt::format("{},{},{}", first_bare_, server_first, final);
  signature_ = crypto::hmac(digest_, keys.server_key, message);
  const auto proof = exclusive_or(keys.client_key, crypto::hmac(digest_, keys.stored_key, message));
  return fmt::format("{},p={}", final, base64_encode(proof));
}

bool ScramClient::believes(std::string_view server_final) const {
  if (!server_final.starts_with("v=") || signature_.empty()) return false;
  const auto shown = base64_decode(server_final.substr(2));
  return shown && crypto::same_secret(*shown, signature_);
}

}  // namespace quartet::sasl
