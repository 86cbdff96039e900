// 128-bit ids that order by time and are never reused: 48 bits of milliseconds since 1970, then 80 bits that count up
// from a random start within one millisecond of one process. They name messages, traces and segments.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.h"

namespace quartet {

class Id {
 public:
  constexpr Id() = default;
  constexpr Id(std::uint64_t high, std::uint64_t low) : high_(high), low_(low) {}

  /// A new id, greater than every earlier one of this process. Safe from any thread.
  static Id make();

  /// 26 characters of Crockford's base 32 in lower case; text order is id order.
  std::string to_string() const;
  static std::optional<Id> parse(std::string_view text);

  WallTime time() const { return from_micros(static_cast<std::int64_t>(high_ >> 16) * 1000); }
  constexpr std::uint64_t high() const { return high_; }
  constexpr std::uint64_t low() const { return low_; }
  /// A number above 1 in 62 bits, for keys of databases: unlike that of any other id, however close in time.
  constexpr std::int64_t number() const {
    // Ids of one millisecond differ in their last bits only, which must stay.
    return static_cast<std::int64_t>(((low_ ^ high_ << 20) & 0x1fff'ffff'ffff'ffff) + 2);
  }
  constexpr explicit operator bool() const { return high_ != 0 || low_ != 0; }
  friend constexpr auto operator<=>(const Id&, const Id&) = default;

 private:
  std::uint64_t high_ = 0;
  std::uint64_t low_ = 0;
};

struct IdHash {
  std::size_t operator()(const Id& id) const {
    return static_cast<std::size_t>(id.high() * 0x9E3779B97F4A7C15u ^ id.low());
  }
};

}  // namespace quartet
