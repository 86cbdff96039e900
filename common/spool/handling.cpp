#include "common/spool/handling.h"

#include <algorithm>
#include <string_view>

#include "common/base/ascii.h"

namespace quartet::spool {
namespace {

constexpr std::string_view kTlsRequired = "tls-required";
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
