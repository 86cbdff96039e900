#include "ctl/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/base/ascii.h"

namespace quartet::ctl {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};
constexpr std::array<Unit, 6> kUnits{
    {{"w", 604'800'000}, {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::int64_t kMost = 100LL * 366 * 86'400'000;  // a century

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::int64_t total = 0;
  std::size_t next_unit = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    std::size_t digits = 0, letters = 0;
    while (digits < text.size() && ascii::is_digit(text[digits])) ++digits;
    while (digits + letters < text.size() && ascii::is_alpha(text[digits + letters])) ++letters;
    const auto number = ascii::to_number<std::int64_t>(text.substr(0, digits));
    const auto name = text.substr(digits, letters);
    while (next_unit < kUnits.size() && kUnits[next_unit].name != name) ++next_unit;
    if (!number || next_unit == kUnits.size()) return std::nullopt;
    const auto unit = kUnits[next_unit++].milliseconds;
    if (*number > kMost / unit || total + *number * unit > kMost) return std::nullopt;
    total += *number * unit;
    text.remove_prefix(digits + letters);
  }
  return std::chrono::milliseconds(total);
}

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

}  // namespace quartet::ctl
