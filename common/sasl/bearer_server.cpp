#include "common/sasl/bearer_server.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/sasl/gs2.h"

namespace quartet::sasl {
namespace {

constexpr char kSeparator = '\x01';
constexpr std::string_view kScheme = "Bearer ";

/// RFC 6750 section 2.1: b64token.
bool is_token(std::string_view text) {
  const auto body = text.substr(0, text.find_last_not_of('=') + 1);
  const auto fits = [](char c) { return ascii::is_alnum(c) || std::string_view("-._~+/").contains(c); };
  return !body.empty() && text.size() <= kMostToken && std::ranges::all_of(body, fits);
}

struct Pairs {
  std::optional<std::string_view> user;           // of XOAUTH2
  std::optional<std::string_view> authorization;  // as the field of HTTP
};

/// RFC 7628 section 3.1: each key=value has a separator behind it, and there is one more at the end. nullopt for
/// anything else, and for a key that is there twice.
std::optional<Pairs> parse_pairs(std::string_view text) {
  Pairs out;
  while (!text.starts_with(kSeparator)) {
    const auto end = text.find(kSeparator);
    const auto equals = text.find('=');
    if (end == std::string_view::npos || equals == 0 || equals > end) return std::nullopt;
    const auto key = text.substr(0, equals);
    const auto value = text.substr(equals + 1, end - equals - 1);
    auto* const kept = ascii::iequals(key, "user")   ? &out.user
                       : ascii::iequals(key, "auth") ? &out.authorization
                                                     : nullptr;
    if (kept != nullptr && *kept) return std::nullopt;
    if (kept != nullptr) *kept = value;
    text.remove_prefix(end + 1);
  }
  if (text.size() != 1) return std::nullopt;
  return out;
}

}  // namespace

Step BearerServer::step(std::optional<std::string_view> response) {
  if (!response) return Challenge{};
  std::string user;
  auto pairs = *response;
  if (form_ == Form::kOauthBearer) {
    const auto header = parse_gs2_header(*response);
    if (!header) return Malformed{header.error()};
    if (header->flag != "n" && header->flag != "y") return Malformed{"tokens are bound to no channel"};
    user = header->authorization;
    pairs.remove_prefix(header->size);
    if (!pairs.starts_with(kSeparator)) return Malformed{"expected a separator behind the GS2 header"};
    pairs.remove_prefix(1);
  }
  const auto parsed = parse_pairs(pairs);
  if (!parsed) return Malformed{"expected pairs of keys and values"};
  if (form_ == Form::kXoauth2) {
    user = parsed->user.value_or("");
    if (!acceptable(user)) return Malformed{"malformed user name"};
  }
  // RFC 7628 section 4.3: so a client asks what kind of token it should get; the refusal tells it.
  if (parsed->authorization == "") return Claim{user, user, BearerToken{}};
  if (!parsed->authorization || !ascii::istarts_with(*parsed->authorization, kScheme))
    return Malformed{"expected a bearer token"};
  const auto token = parsed->authorization->substr(kScheme.size());
  if (!is_token(token)) return Malformed{"malformed token"};
  return Claim{user, user, BearerToken{std::string(token)}};
}

/// Clients of XOAUTH2 know its status as Google has it, and get a new token after this one alone.
std::optional<Challenge> BearerServer::refused() {
  const std::string status = form_ == Form::kXoauth2 ? "400" : "invalid_token";
  return Challenge{"{\"status\":\"" + status + "\"," + refusal_ + "}"};
}

}  // namespace quartet::sasl
