#include "common/base/duration.h"

#include <array>
#include <cstdint>

#include "common/base/ascii.h"

namespace quartet {
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

}  // namespace quartet
