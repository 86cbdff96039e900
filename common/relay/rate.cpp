#include "common/relay/rate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "common/base/ascii.h"

namespace quartet::relay {
namespace {

constexpr std::array<std::pair<std::string_view, std::chrono::seconds>, 4> kUnits = {{{"s", std::chrono::seconds(1)},
                                                                                      {"min", std::chrono::minutes(1)},
                                                                                      {"h", std::chrono::hours(1)},
                                                                                      {"d", std::chrono::hours(24)}}};

}  // namespace

std::expected<Rate, std::string> parse_rate(std::string_view text) {
  const auto slash = text.find('/');
  const auto events = ascii::to_number<std::uint32_t>(text.substr(0, slash));
  if (slash != std::string_view::npos && events && *events > 0) {
    for (const auto& [unit, per] : kUnits)
      if (text.substr(slash + 1) == unit) return Rate{*events, per};
  }
  return std::unexpected(
      fmt::format("expected a number and a time, such as \"100/min\" (s, min, h, d), not \"{}\"", text));
}

std::string to_string(const Rate& rate) {
  for (const auto& [unit, per] : kUnits)
    if (rate.per == per) return fmt::format("{}/{}", rate.events, unit);
  return fmt::format("{} in {} s", rate.events, rate.per.count());
}

void TokenBucket::set_rate(std::optional<Rate> rate) {
  rate_ = rate;
  interval_ = tolerance_ = {};
  if (!rate_) return;
  interval_ = std::chrono::duration_cast<SteadyTime::duration>(std::chrono::nanoseconds(rate_->per) / rate_->events);
  const auto at_once = std::max<std::int64_t>(1, rate_->events / rate_->per.count());
  tolerance_ = interval_ * (at_once - 1);
}

std::size_t TokenBucket::available(SteadyTime now) const {
  if (!rate_) return std::numeric_limits<std::size_t>::max();
  if (now < next()) return 0;
  return static_cast<std::size_t>(1 + std::min(now - next(), tolerance_) / interval_);
}

void TokenBucket::take(SteadyTime now) {
  if (rate_) due_ = std::max(due_, now) + interval_;
}

}  // namespace quartet::relay
