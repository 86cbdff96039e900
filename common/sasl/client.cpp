#include "common/sasl/client.h"

#include <algorithm>
#include <utility>

#include "common/base/encoding.h"
#include "common/crypto/digest.h"
#include "common/sasl/server.h"

namespace quartet::sasl {
namespace {

constexpr std::size_t kNonceOctets = 18;

/// What to bind to: what RFC 9266 section 3 wants of TLS 1.3, and for older versions what servers know best.
BoundChannel channel_of(const net::Stream& stream) {
  const auto* const tls = stream.tls();
  const std::string type = tls != nullptr && tls->version == "TLSv1.3" ? "tls-exporter" : "tls-server-end-point";
  auto octets = stream.channel_binding(type);
  if (octets.empty()) return {};
  return {type, std::move(octets)};
}

}  // namespace

Client::Client(std::string mechanism, std::string_view initial)
    : mechanism_(std::move(mechanism)), initial_(base64_encode(initial)) {}

std::expected<Client, std::string> Client::choose(std::string_view user, std::string_view password,
                                                  const std::vector<std::string>& offered, const net::Stream& stream) {
  const auto offers = [&offered](std::string_view name) { return std::ranges::find(offered, name) != offered.end(); };
  for (const auto digest : {crypto::Digest::kSha256, crypto::Digest::kSha1}) {
    const std::string name(scram_name(digest));
    auto channel = channel_of(stream);
    const bool bound = !channel.type.empty() && offers(name + "-PLUS");
    if (!bound && !offers(name)) continue;
    if (!bound) channel = {.type = {}, .octets = {}, .not_offered = !channel.type.empty()};
    auto scram = std::make_unique<ScramClient>(digest, user, password, std::move(channel),
                                               base64_encode(crypto::random_octets(kNonceOctets)));
    Client out(name + (bound ? "-PLUS" : ""), scram->first());
    out.scram_ = std::move(scram);
    return out;
  }
  if (!offers("PLAIN")) return std::unexpected("the server offers no way to log in that we know");
  Client out("PLAIN", plain_response(user, password));
  out.may_end_ = true;
  return out;
}

std::expected<std::string, std::string> Client::respond(std::string_view challenge) {
  const auto text = base64_decode(challenge);
  if (scram_ == nullptr || may_end_ || !text) return std::unexpected("the server asks for what makes no sense");
  if (!responded_) {
    responded_ = true;
    auto response = scram_->respond(*text);
    if (!response) return std::unexpected(std::move(response.error()));
    return base64_encode(*response);
  }
  may_end_ = scram_->believes(*text);
  if (!may_end_) return std::unexpected("the server does not know the password");
  return std::string();
}

}  // namespace quartet::sasl
