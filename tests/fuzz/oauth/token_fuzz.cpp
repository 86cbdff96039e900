// A token and, behind a line feed, a set of keys: whatever both are, nothing is believed of a token that is signed by
// no key of the set, and what is read of it is what it says.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/check.h"
#include "common/oauth/claims.h"
#include "common/oauth/token.h"

using namespace quartet;
using namespace quartet::oauth;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto line = text.find('\n');
  const auto first = text.substr(0, line);
  const auto keys = parse_key_set(line == std::string_view::npos ? std::string_view() : text.substr(line + 1));
  if (keys) QUARTET_CHECK(!keys->empty());
  if (const auto token = parse_token(first)) {
    QUARTET_CHECK(first.starts_with(token->signed_text));
    QUARTET_CHECK(check_signature(*token, {}) == Signature::kUnknownKey);
    if (keys && check_signature(*token, *keys) == Signature::kGood) {
      auto other = *token;
      other.signed_text += ' ';
      QUARTET_CHECK(check_signature(other, *keys) != Signature::kGood);
    }
    Rules rules;
    rules.account_claim = "email";
    if (const auto account = account_of(token->claims, rules, wall_now())) QUARTET_CHECK(!account->empty());
  }
  if (const auto claims = parse_object(text)) {
    Rules rules{"i", {"a"}, "s", "email", false};
    if (account_of(*claims, rules, WallTime())) QUARTET_CHECK(text_of(*claims, "iss") == "i");
  }
  return 0;
}
