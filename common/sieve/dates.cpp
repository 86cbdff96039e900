#include "common/sieve/dates.h"

#include <fmt/format.h>

#include <cstdlib>

#include "common/base/ascii.h"
#include "common/mime/date.h"

namespace quartet::sieve {
namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kModifiedJulianDay1970 = 40'587;

std::string zone_text(std::int32_t zone, std::string_view between) {
  const auto minutes = std::abs(zone);
  return fmt::format("{}{:02}{}{:02}", zone < 0 ? '-' : '+', minutes / 60, between, minutes % 60);
}

}  // namespace

std::optional<std::string> date_part(std::string_view part, std::int64_t seconds, std::int32_t zone) {
  const auto local = seconds + std::int64_t{zone} * 60;
  auto days = local / kDay;
  if (local % kDay < 0) --days;
  const auto of_day = local - days * kDay;
  const auto civil = mime::civil_from_days(days);
  const auto hour = of_day / 3600, minute = of_day / 60 % 60, second = of_day % 60;
  const auto date = fmt::format("{:04}-{:02}-{:02}", civil.year, civil.month, civil.day);
  const auto time = fmt::format("{:02}:{:02}:{:02}", hour, minute, second);
  const auto name = ascii::lower(part);
  if (name == "year") return date.substr(0, date.size() - 6);
  if (name == "month") return fmt::format("{:02}", civil.month);
  if (name == "day") return fmt::format("{:02}", civil.day);
  if (name == "date") return date;
  if (name == "julian") return std::to_string(days + kModifiedJulianDay1970);
  if (name == "hour") return time.substr(0, 2);
  if (name == "minute") return time.substr(3, 2);
  if (name == "second") return time.substr(6, 2);
  if (name == "time") return time;
  if (name == "iso8601") return date + "T" + time + zone_text(zone, ":");
  if (name == "std11") return mime::format_date(from_micros(seconds * 1'000'000), zone);
  if (name == "zone") return zone_text(zone, "");
  // 1970-01-01 was a Thursday, and Sunday is 0.
  if (name == "weekday") return std::to_string(((days + 4) % 7 + 7) % 7);
  return std::nullopt;
}

std::optional<std::int32_t> parse_zone(std::string_view text) {
  if (text.size() != 5 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const auto hours = ascii::to_number<std::int32_t>(text.substr(1, 2));
  const auto minutes = ascii::to_number<std::int32_t>(text.substr(3, 2));
  if (!hours || !minutes || *minutes > 59) return std::nullopt;
  return (text[0] == '-' ? -1 : 1) * (*hours * 60 + *minutes);
}

}  // namespace quartet::sieve
