// How many in a time operators allow, and what keeps them to it. Pure functions of time.
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.h"

namespace quartet::relay {

struct Rate {
  std::uint32_t events = 1;  // at least one
  std::chrono::seconds per{1};

  double per_second() const { return events / std::chrono::duration<double>(per).count(); }
  friend bool operator==(const Rate&, const Rate&) = default;
};

/// "20/s", "100/min", "1000/h", "5000/d"; the error says what was expected.
std::expected<Rate, std::string> parse_rate(std::string_view text);
/// What parse_rate() reads.
std::string to_string(const Rate& rate);

/// Lets events happen evenly at a rate, with at most a second's worth (and at least one) at once: in any time T there
/// are at most that many more than T at the rate. It keeps one point in time (ITU-T I.371, generic cell rate
/// algorithm).
class TokenBucket {
 public:
  /// No rate: everything may happen at once.
  explicit TokenBucket(std::optional<Rate> rate = std::nullopt) { set_rate(rate); }

  /// From now on; what has happened is not forgotten.
  void set_rate(std::optional<Rate> rate);
  const std::optional<Rate>& rate() const { return rate_; }

  /// From when on the next event may happen.
  SteadyTime next() const { return due_ - tolerance_; }
  bool allows(SteadyTime now) const { return !rate_ || now >= next(); }
  /// How many may happen at once.
  std::size_t available(SteadyTime now) const;
  /// One happens.
  void take(SteadyTime now);
  /// Whether a new one would say the same.
  bool full(SteadyTime now) const { return !rate_ || now >= due_; }

 private:
  std::optional<Rate> rate_;
  SteadyTime::duration interval_{};
  SteadyTime::duration tolerance_{};
  SteadyTime due_{};  // of the next event, if all came evenly
};

}  // namespace quartet::relay
