// Whose a token is and for whom it was made: its claims (RFC 7519 section 4.1), or what an authorization server says of
// it (RFC 7662 section 2.2). Sans-IO.
#pragma once
#include <chrono>
#include <expected>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/oauth/json.h"

namespace quartet::oauth {

struct Rules {
  std::string issuer;                  // what `iss` has to be; empty: not looked at
  std::vector<std::string> audiences;  // one of which `aud` has to name; none: not looked at
  std::string scope;                   // words that `scope` has to have; empty: none
  std::string account_claim;           // where the account's address is
  bool needs_end = true;               // `exp` has to be there
};

/// Clocks may differ so much.
inline constexpr std::chrono::seconds kLeeway{60};

/// The account's address, as the claims have it. The error says what is wrong with them. "email" does not count where
/// "email_verified" is false.
std::expected<std::string, std::string> account_of(const Object& claims, const Rules& rules, WallTime now);

}  // namespace quartet::oauth
