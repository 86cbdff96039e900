#include "common/service/tokens.h"

#include <fmt/format.h>

#include "common/log/log.h"

namespace quartet::service {
namespace {

constexpr auto kKeysAge = std::chrono::hours(1);

std::unexpected<TokenRefusal> refuse(std::string reason) { return std::unexpected(TokenRefusal{std::move(reason)}); }
std::unexpected<TokenRefusal> cannot_tell(std::string reason) {
  return std::unexpected(TokenRefusal{std::move(reason), true});
}

}  // namespace

std::expected<std::string, TokenRefusal> Tokens::check(std::string_view text) {
  if (options_.introspection) return ask(text);
  const auto token = oauth::parse_token(text);
  if (!token) return refuse(token.error());
  const auto known = keys();
  auto signature = known ? oauth::check_signature(*token, *known) : oauth::Signature::kUnknownKey;
  if (signature == oauth::Signature::kUnknownKey) {
    const auto newer = keys(known);
    if (!newer) return cannot_tell("there are no keys to check it by");
    if (newer != known) signature = oauth::check_signature(*token, *newer);
  }
  if (signature == oauth::Signature::kUnknownKey) return refuse("none of the keys has signed it");
  if (signature == oauth::Signature::kBad) return refuse("its signature is wrong");
  return account_of(token->claims);
}

std::expected<std::string, TokenRefusal> Tokens::account_of(const oauth::Object& claims) const {
  auto account = oauth::account_of(claims, options_.rules, wall_now());
  if (!account) return refuse(std::move(account.error()));
  return *std::move(account);
}

Tokens::Keys Tokens::keys(const Keys& outdated) {
  const std::scoped_lock lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  const bool wanted = keys_ == outdated || now - fetched_ >= kKeysAge;
  if (options_.keys_url && wanted && now >= no_fetch_until_) {
    no_fetch_until_ = now + options_.fetch_pause;
    fetch();
  }
  return keys_;
}

void Tokens::fetch() {
  const auto failed = [this](const std::string& reason) {
    log::warn("token.no_keys", {{"host", options_.keys_url->host}, {"reason", reason}});
  };
  const auto response = https::call({.url = *options_.keys_url}, options_.https);
  if (!response) return failed(response.error().text);
  if (response->status != 200) return failed(fmt::format("the server answered {}", response->status));
  auto keys = oauth::parse_key_set(response->body);
  if (!keys) return failed(keys.error());
  keys_ = std::make_shared<const oauth::KeySet>(*std::move(keys));
  fetched_ = std::chrono::steady_clock::now();
}

std::expected<std::string, TokenRefusal> Tokens::ask(std::string_view text) const {
  const auto response = https::call({.url = *options_.introspection,
                                     .form = {{"token", std::string(text)}, {"token_type_hint", "access_token"}},
                                     .user = options_.client_id,
                                     .password = options_.client_secret},
                                    options_.https);
  if (!response) return cannot_tell(response.error().text);
  if (response->status != 200) return cannot_tell(fmt::format("the server answered {}", response->status));
  const auto answer = oauth::parse_object(response->body);
  if (!answer) return cannot_tell("the server's answer is no JSON object");
  const auto* const active = oauth::member_of(*answer, "active");
  if (active == nullptr || !active->bool_value()) return refuse("it is not active");
  return account_of(*answer);
}

std::string token_refusal(const std::shared_ptr<Tokens>& tokens) { return tokens ? tokens->refusal() : std::string(); }

}  // namespace quartet::service
