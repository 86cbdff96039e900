#include "common/control/confirm.h"

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/control/convert.h"
#include "common/crypto/digest.h"

namespace quartet::control {
namespace {

using Request = v1::ChangeQueueRequest;

constexpr auto kValid = std::chrono::minutes(10);
constexpr std::size_t kKeyOctets = 32, kShownOctets = 12;

/// "seconds-mac".
std::string token_of(ChangeVerb verb, const v1::ChangeRequest& request, std::int64_t seconds) {
  static const std::string key = crypto::random_octets(kKeyOctets);
  Request change;
  change.set_verb(verb);
  auto& what = *change.mutable_change() = request;
  what.clear_dry_run();
  what.clear_max_affected();
  what.clear_expect_count();
  what.clear_confirm_token();
  const auto issued = std::to_string(seconds);
  const auto mac = crypto::hmac(crypto::Digest::kSha256, key, issued + " " + change.SerializeAsString());
  return issued + "-" + hex_encode(std::string_view(mac).substr(0, kShownOctets));
}

}  // namespace

bool wants_confirmation(ChangeVerb verb, const v1::ChangeRequest& request) {
  const bool takes_away = verb == Request::VERB_DROP || verb == Request::VERB_BOUNCE || verb == Request::VERB_EXPIRE ||
                          verb == Request::VERB_EDIT_ENVELOPE || verb == Request::VERB_TRANSFER;
  return takes_away && request.selector().all();
}

std::string confirm_token(ChangeVerb verb, const v1::ChangeRequest& request, WallTime now) {
  return token_of(verb, request, to_micros(now) / 1'000'000);
}

bool is_confirmed(ChangeVerb verb, const v1::ChangeRequest& request, WallTime now) {
  const std::string_view token = request.confirm_token();
  const auto issued = ascii::to_number<std::int64_t>(token.substr(0, token.find('-')));
  if (!issued) return false;
  const auto age = now - from_micros(*issued * 1'000'000);
  return age <= kValid && age >= -kValid && crypto::same_secret(token, token_of(verb, request, *issued));
}

}  // namespace quartet::control
