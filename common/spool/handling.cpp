#include "common/spool/handling.h"

#include <algorithm>
#include <string_view>

#include "common/base/ascii.h"

namespace quartet::spool {
namespace {

constexpr std::string_view kTlsRequired = "tls-required";
constexpr std::string_view kTlsAsked = "tls-asked";    // by the sender, where an operator wants something else
constexpr std::string_view kRelease = "release";       // microseconds since 1970
constexpr std::string_view kDeliverBy = "deliver-by";  // the same, then ";R", ";N", ";RT" or ";NT"

/// Null if there is none.
const std::string* find(const Envelope& envelope, std::string_view name) {
  const auto found = std::ranges::find(envelope.attributes, name, &std::pair<std::string, std::string>::first);
  return found == envelope.attributes.end() ? nullptr : &found->second;
}

std::optional<WallTime> to_time(std::string_view text) {
  const auto micros = ascii::to_number<std::int64_t>(text);
  return micros ? std::optional(from_micros(*micros)) : std::nullopt;
}

}  // namespace

void set_tls_optional(Envelope& envelope) { envelope.attributes.emplace_back(kTlsRequired, "no"); }

bool tls_optional(const Envelope& envelope) {
  const auto* value = find(envelope, kTlsRequired);
  return value != nullptr && *value == "no";
}

bool set_tls_wish(Envelope& envelope, TlsWish wish) {
  const auto is_now = [&envelope] {
    if (envelope.require_tls) return TlsWish::kRequired;
    return tls_optional(envelope) ? TlsWish::kOptional : TlsWish::kDefault;
  };
  const auto now = is_now();
  const auto* const kept = find(envelope, kTlsAsked);
  const auto asked = kept == nullptr  ? now
                     : *kept == "yes" ? TlsWish::kRequired
                     : *kept == "no"  ? TlsWish::kOptional
                                      : TlsWish::kDefault;
  const auto to = wish == TlsWish::kDefault ? asked : wish;
  if (to == now) return false;
  std::erase_if(envelope.attributes,
                [](const auto& one) { return one.first == kTlsRequired || one.first == kTlsAsked; });
  envelope.require_tls = to == TlsWish::kRequired;
  if (to == TlsWish::kOptional) set_tls_optional(envelope);
  if (to == asked) return true;
  const auto* const was = asked == TlsWish::kRequired ? "yes" : asked == TlsWish::kOptional ? "no" : "default";
  envelope.attributes.emplace_back(kTlsAsked, was);
  return true;
}

void set_release(Envelope& envelope, WallTime release) {
  envelope.attributes.emplace_back(kRelease, std::to_string(to_micros(release)));
}

WallTime released(const Envelope& envelope) {
  const auto* value = find(envelope, kRelease);
  return value == nullptr ? envelope.received : to_time(*value).value_or(envelope.received);
}

void set_deadline(Envelope& envelope, const Deadline& deadline) {
  auto value = std::to_string(to_micros(deadline.at)) + (deadline.notify ? ";N" : ";R");
  if (deadline.trace) value += 'T';
  envelope.attributes.emplace_back(kDeliverBy, std::move(value));
}

std::optional<Deadline> deadline(const Envelope& envelope) {
  const auto* value = find(envelope, kDeliverBy);
  if (value == nullptr) return std::nullopt;
  const auto semicolon = value->find(';');
  const auto at = to_time(std::string_view(*value).substr(0, semicolon));
  if (!at || semicolon == std::string::npos) return std::nullopt;
  const auto mode = std::string_view(*value).substr(semicolon + 1);
  return Deadline{*at, mode.starts_with('N'), mode.ends_with('T')};
}

}  // namespace quartet::spool
