// Tokens that clients log in by (RFC 7628), checked by the keys of their authorization server or by asking it (RFC
// 7662).
#pragma once
#include <chrono>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.h"
#include "common/https/call.h"
#include "common/oauth/claims.h"
#include "common/oauth/token.h"

namespace quartet::service {

struct TokenOptions {
  std::shared_ptr<const oauth::KeySet> keys;  // of a file; null: there is a URL
  std::optional<https::Url> keys_url;
  std::optional<https::Url> introspection;  // instead of keys
  std::string client_id;
  std::string client_secret;
  oauth::Rules rules;
  https::Options https;
  std::chrono::seconds fetch_pause{60};  // between two fetches of keys at least
  std::string refusal;                   // see sasl::Means
};

/// Why a token lets nobody in.
struct TokenRefusal {
  std::string reason;
  bool unavailable = false;  // nobody could tell: the authorization server does not answer
};

/// Any thread.
class Tokens {
 public:
  explicit Tokens(TokenOptions options) : options_(std::move(options)), keys_(options_.keys) {}

  /// The login that the token is for. Blocks while the server is asked.
  std::expected<std::string, TokenRefusal> check(std::string_view text);
  const std::string& refusal() const { return options_.refusal; }

 private:
  using Keys = std::shared_ptr<const oauth::KeySet>;
  /// What is known; fetched if that is old, or is `outdated`. Null: nothing.
  Keys keys(const Keys& outdated = nullptr);
  void fetch();
  std::expected<std::string, TokenRefusal> ask(std::string_view text) const;
  std::expected<std::string, TokenRefusal> account_of(const oauth::Object& claims) const;

  const TokenOptions options_;
  std::mutex mutex_;  // held while keys are fetched: others want them, too
  Keys keys_;
  SteadyTime fetched_{};
  SteadyTime no_fetch_until_{};
};

/// See sasl::Means; "" for null.
std::string token_refusal(const std::shared_ptr<Tokens>& tokens);

}  // namespace quartet::service
