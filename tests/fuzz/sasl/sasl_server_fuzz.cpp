// Responses, one a line, to every mechanism: it asks, refuses or gives a claim that is within its limits. Nobody who
// does not compute SCRAM's proof is believed. And whatever a server says to the client's side of SCRAM, it is not
// believed.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/ascii.h"
#include "common/base/check.h"
#include "common/sasl/scram_client.h"
#include "common/sasl/server.h"

using namespace quartet;
using namespace quartet::sasl;

namespace {

ScramVerifier verifier(crypto::Digest digest, std::string_view) {
  const std::string key(crypto::size_of(digest), 'k');
  return {digest, 1, "salt", key, key};
}

std::string channel(std::string_view type) { return type == "tls-exporter" ? "channel" : ""; }

void check(const std::string& name, const Claim& claim, std::string_view response) {
  const auto* const token = std::get_if<BearerToken>(&claim.evidence);
  QUARTET_CHECK((acceptable(claim.authentication) || token != nullptr) && claim.authorization.size() <= kMostOctets);
  if (token != nullptr) {
    QUARTET_CHECK(token->text.size() <= kMostToken && response.contains(token->text));
    return;
  }
  if (const auto* const password = std::get_if<Password>(&claim.evidence)) {
    QUARTET_CHECK(acceptable(password->text));
    if (name == "PLAIN" && claim.authorization.empty())
      QUARTET_CHECK(plain_response(claim.authentication, password->text) == response);
  } else if (const auto* const proof = std::get_if<CramMd5Proof>(&claim.evidence)) {
    QUARTET_CHECK(name == kCramMd5 && proof->digest.size() == 16);
    QUARTET_CHECK(!proof->challenge.empty() && !proves(*proof, "a password"));
  } else {
    const bool certified = name == kExternal && claim.authentication == "ann";
    QUARTET_CHECK((std::get<Verdict>(claim.evidence) == Verdict::kProven) == certified);
  }
}

void serve(const std::string& name, std::string_view text) {
  const auto server = make_server(name, {verifier, channel, {"ann"}, "{}"});
  std::optional<std::string_view> response;
  for (const auto line : ascii::split(text, '\n')) {
    if (line != "?") response = line;
    const auto step = server->step(response);
    if (std::holds_alternative<Challenge>(step)) continue;
    if (const auto* const claim = std::get_if<Claim>(&step)) check(name, *claim, response.value_or(""));
    break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto names = password_mechanisms();
  names.emplace_back(kCramMd5);
  names.emplace_back(kExternal);
  names.insert(names.end(), token_mechanisms().begin(), token_mechanisms().end());
  for (const auto digest : {crypto::Digest::kSha1, crypto::Digest::kSha256})
    for (auto& name : scram_mechanisms(digest)) names.push_back(std::move(name));
  for (const auto& name : names) serve(name, text);

  if (auto stored = parse_scram_verifier(text)) QUARTET_CHECK(parse_scram_verifier(to_string(*stored)) == stored);
  // Many iterations are no fault, but they are slow.
  if (text.contains("i=") && size > 64 && !text.contains("i=1\n") && !text.ends_with("i=1")) return 0;
  ScramClient client(crypto::Digest::kSha256, "user", "pencil", {}, "abc");
  const auto lines = ascii::split(text, '\n');
  if (client.respond(lines[0]) && lines.size() > 1) QUARTET_CHECK(!client.believes(lines[1]));
  return 0;
}
