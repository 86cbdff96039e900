#include "ctl/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "common/base/ascii.h"

namespace quartet::ctl {
std::string format_duration(std::chrono::seconds duration) {
  const auto seconds = std::max<std::int64_t>(duration.count(), 0);
  const auto two = [](std::int64_t large, const char* large_unit, std::int64_t small, const char* small_unit) {
    return small == 0 ? fmt::format("{}{}", large, large_unit)
                      : fmt::format("{}{}{}{}", large, large_unit, small, small_unit);
  };
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return two(seconds / 60, "m", 0, "");
  if (seconds < 86'400) return two(seconds / 3600, "h", seconds / 60 % 60, "m");
  return two(seconds / 86'400, "d", seconds / 3600 % 24, "h");
}

std::string format_size(std::uint64_t octets) {
  if (octets < 1024) return std::to_string(octets);
  double value = static_cast<double>(octets);
  const char* unit = "";
  for (const char* larger : {"K", "M", "G", "T"}) {
    // Rounded up to the next unit rather than shown as 1024.
    if (value < 1023.5) break;
    value /= 1024;
    unit = larger;
  }
  return value < 9.95 ? fmt::format("{:.1f}{}", value, unit) : fmt::format("{:.0f}{}", value, unit);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  constexpr std::string_view kUnits = "KMGT";
  std::uint64_t unit = 1;
  if (const auto at = text.empty() ? kUnits.npos : kUnits.find(ascii::to_upper(text.back())); at != kUnits.npos) {
    unit = std::uint64_t{1} << (10 * (at + 1));
    text.remove_suffix(1);
  }
  const auto point = std::min(text.find('.'), text.size());
  const auto whole = ascii::to_number(text.substr(0, point));
  if (!whole || *whole > std::numeric_limits<std::int64_t>::max() / unit) return std::nullopt;
  if (point == text.size()) return *whole * unit;
  const auto digits = text.substr(point + 1);
  const auto part = ascii::to_number(digits);
  if (!part || unit == 1 || digits.size() > 3) return std::nullopt;
  std::uint64_t scale = 1;
  for (std::size_t n = 0; n < digits.size(); ++n) scale *= 10;
  return *whole * unit + unit * *part / scale;
}

std::string plain(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7F) {
      out += '?';
    } else if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      out += '?';  // U+0080 to U+009F: terminals obey these too
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

control::v1::LogLevel log_level_of(std::string_view name) {
  using namespace control;
  if (name == "debug") return v1::LOG_LEVEL_DEBUG;
  if (name == "info") return v1::LOG_LEVEL_INFO;
  if (name == "warn") return v1::LOG_LEVEL_WARN;
  if (name == "error") return v1::LOG_LEVEL_ERROR;
  return v1::LOG_LEVEL_UNSPECIFIED;
}

}  // namespace quartet::ctl
