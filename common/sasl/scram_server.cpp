#include "common/sasl/scram_server.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/sasl/gs2.h"

namespace quartet::sasl {
namespace {

constexpr std::size_t kNonceOctets = 18;
constexpr std::size_t kMostNonce = 512;

/// The value of "x=value" at the front of `text`, up to a comma; that, too, is taken. nullopt: it is another attribute.
std::optional<std::string_view> take_attribute(std::string_view& text, char name) {
  if (text.size() < 2 || text[0] != name || text[1] != '=') return std::nullopt;
  const auto comma = text.find(',');
  const auto value = text.substr(2, comma == std::string_view::npos ? comma : comma - 2);
  text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  return value;
}

bool is_nonce(std::string_view text) {
  const auto printable = [](char c) { return c > ' ' && c <= '~'; };
  return !text.empty() && text.size() <= kMostNonce && std::ranges::all_of(text, printable);
}

}  // namespace

Step ScramServer::step(std::optional<std::string_view> response) {
  if (state_ == State::kFinal) return on_final(response.value_or(""));
  if (!response) return Challenge{};
  return on_first(*response);
}

bool ScramServer::take_binding(std::string_view flag) {
  if (!flag.starts_with("p=")) return !plus_ && (flag == "n" || (flag == "y" && !channel_));
  if (!plus_) return false;
  bound_ = channel_(flag.substr(2));
  return !bound_.empty();
}

Step ScramServer::on_first(std::string_view message) {
  const auto header = parse_gs2_header(message);
  if (!header) return Malformed{header.error()};
  if (!take_binding(header->flag)) return Malformed{"this channel binding is not possible here"};
  gs2_header_ = message.substr(0, header->size);
  authorization_ = header->authorization;
  auto bare = message.substr(header->size);
  auth_message_ = bare;
  // "m=" in front would be an extension that we had to understand; it is refused with what else is no name.
  const auto name = take_attribute(bare, 'n');
  const auto decoded = name ? parse_saslname(*name) : std::nullopt;
  const auto prepared = decoded ? prepare(*decoded) : std::nullopt;
  const auto nonce = take_attribute(bare, 'r');
  if (!prepared || !acceptable(*prepared)) return Malformed{"malformed user name"};
  if (!nonce || !is_nonce(*nonce)) return Malformed{"malformed nonce"};
  authentication_ = *prepared;
  verifier_ = verifiers_(digest_, authentication_);
  nonce_ = std::string(*nonce) + base64_encode(crypto::random_octets(kNonceOctets));
  auto answer = fmt::format("r={},s={},i={}", nonce_, base64_encode(verifier_.salt), verifier_.iterations);
  auth_message_ += "," + answer;
  state_ = State::kFinal;
  return Challenge{std::move(answer)};
}

Step ScramServer::on_final(std::string_view message) {
  const auto last = message.rfind(",p=");
  if (last == std::string_view::npos) return Malformed{"expected a proof"};
  const auto proof = base64_decode(message.substr(last + 3));
  auto rest = message.substr(0, last);
  auth_message_ += "," + std::string(rest);
  const auto binding = take_attribute(rest, 'c');
  const auto bound = binding ? base64_decode(*binding) : std::nullopt;
  const auto nonce = take_attribute(rest, 'r');
  if (!bound || !nonce || !proof || proof->size() != crypto::size_of(digest_)) return Malformed{"malformed proof"};
  const auto signature = crypto::hmac(digest_, verifier_.stored_key, auth_message_);
  const auto shown = crypto::hash(digest_, exclusive_or(*proof, signature));
  const bool proven = *nonce == nonce_ && crypto::same_secret(*bound, gs2_header_ + bound_) &&
                      crypto::same_secret(shown, verifier_.stored_key);
  if (!proven) return claim(Verdict::kDisproven);
  // This would tell a guesser, too: it waits until the agent has heard of the claim (accepted()).
  server_final_ = "v=" + base64_encode(crypto::hmac(digest_, verifier_.server_key, auth_message_));
  return claim(Verdict::kProven);
}

}  // namespace quartet::sasl
