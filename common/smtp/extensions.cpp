#include "common/smtp/extensions.h"

#include <fmt/format.h>

#include "common/base/ascii.h"

namespace quartet::smtp {

std::optional<DeliverBy> parse_deliver_by(std::string_view value) {
  const auto semicolon = value.find(';');
  if (semicolon == std::string_view::npos) return std::nullopt;
  auto time = value.substr(0, semicolon);
  const auto mode = value.substr(semicolon + 1);
  const bool past = time.starts_with('-');
  if (past || time.starts_with('+')) time.remove_prefix(1);
  const auto seconds = ascii::to_number<std::int32_t>(time);
  if (!seconds || time.size() > 9 || mode.empty() || mode.size() > 2) return std::nullopt;
  DeliverBy by{.seconds = past ? -*seconds : *seconds,
               .notify = ascii::to_upper(mode[0]) == 'N',
               .trace = mode.size() == 2 && ascii::to_upper(mode[1]) == 'T'};
  if ((!by.notify && ascii::to_upper(mode[0]) != 'R') || by.trace != (mode.size() == 2)) return std::nullopt;
  if (!by.notify && by.seconds <= 0) return std::nullopt;
  return by;
}

std::string to_string(const DeliverBy& by) {
  return fmt::format("{};{}{}", by.seconds, by.notify ? "N" : "R", by.trace ? "T" : "");
}

std::optional<std::int8_t> parse_priority(std::string_view value) {
  const bool negative = value.starts_with('-');
  if (negative) value.remove_prefix(1);
  if (value.size() != 1 || !ascii::is_digit(value[0]) || (negative && value[0] == '0')) return std::nullopt;
  const auto size = static_cast<std::int8_t>(value[0] - '0');
  return negative ? static_cast<std::int8_t>(-size) : size;
}

std::optional<std::chrono::seconds> parse_hold_for(std::string_view value) {
  const auto seconds = ascii::to_number<std::int32_t>(value);
  if (!seconds || value.size() > 9 || value.front() == '0') return std::nullopt;
  return std::chrono::seconds(*seconds);
}

}  // namespace quartet::smtp
