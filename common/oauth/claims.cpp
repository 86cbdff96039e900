#include "common/oauth/claims.h"

#include <algorithm>

#include "common/base/ascii.h"

namespace quartet::oauth {
namespace {

using google::protobuf::Value;

double seconds_of(WallTime time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

/// What is wrong with the times; "" if nothing is. NumericDate: seconds since 1970, perhaps with a fraction.
std::string check_times(const Object& claims, bool needs_end, double now) {
  const double leeway = std::chrono::duration<double>(kLeeway).count();
  const auto* const end = member_of(claims, "exp");
  const auto* const begin = member_of(claims, "nbf");
  if (end == nullptr && needs_end) return "it has no end";
  if (end != nullptr && !(end->has_number_value() && now < end->number_value() + leeway)) return "it has ended";
  if (begin != nullptr && !(begin->has_number_value() && now >= begin->number_value() - leeway))
    return "it has not begun";
  return {};
}

/// RFC 7519 section 4.1.3: a string, or several.
bool is_for(const Value* audience, const std::vector<std::string>& wanted) {
  const auto is_wanted = [&wanted](const Value& value) {
    return value.has_string_value() && std::ranges::find(wanted, value.string_value()) != wanted.end();
  };
  if (audience == nullptr) return false;
  if (audience->has_list_value()) return std::ranges::any_of(audience->list_value().values(), is_wanted);
  return is_wanted(*audience);
}

/// RFC 6749 section 3.3: words with a space between.
bool has_scope(const std::string& scope, const std::string& wanted) {
  const auto given = ascii::split(scope, ' ');
  return std::ranges::all_of(ascii::split(wanted, ' '), [&given](std::string_view word) {
    return word.empty() || std::ranges::find(given, word) != given.end();
  });
}

}  // namespace

std::expected<std::string, std::string> account_of(const Object& claims, const Rules& rules, WallTime now) {
  if (auto fault = check_times(claims, rules.needs_end, seconds_of(now)); !fault.empty())
    return std::unexpected(std::move(fault));
  if (!rules.issuer.empty() && text_of(claims, "iss") != rules.issuer)
    return std::unexpected("it is of another issuer");
  if (!rules.audiences.empty() && !is_for(member_of(claims, "aud"), rules.audiences))
    return std::unexpected("it is for another audience");
  if (!has_scope(text_of(claims, "scope"), rules.scope)) return std::unexpected("its scope is too small");
  const auto& account = text_of(claims, rules.account_claim);
  if (account.empty()) return std::unexpected("it has no claim \"" + rules.account_claim + "\"");
  const auto* const verified = rules.account_claim == "email" ? member_of(claims, "email_verified") : nullptr;
  if (verified != nullptr && !verified->bool_value() && verified->string_value() != "true")
    return std::unexpected("its address is not verified");
  return account;
}

}  // namespace quartet::oauth
