#include "common/base/id.h"

#include <sys/random.h>

#include <algorithm>
#include <mutex>

#include "common/base/ascii.h"
#include "common/base/check.h"

namespace quartet {
namespace {

constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::size_t kTextLength = 26;

}  // namespace

Id Id::make() {
  static std::mutex mutex;
  static Id last;
  const auto millis = static_cast<std::uint64_t>(to_micros(wall_now()) / 1000);
  const std::lock_guard lock(mutex);
  if (millis > last.high_ >> 16) {
    std::uint64_t random[2];
    QUARTET_CHECK(getrandom(random, sizeof random, 0) == sizeof random);
    last = Id(millis << 16 | (random[0] & 0x7fff), random[1]);
  } else {
    // Within a millisecond, or when the clock stepped back: count on from the last id.
    last = Id(last.high_ + (last.low_ == ~std::uint64_t{0}), last.low_ + 1);
  }
  return last;
}

std::string Id::to_string() const {
  std::string text(kTextLength, '0');
  auto high = high_;
  auto low = low_;
  for (auto it = text.rbegin(); it != text.rend(); ++it) {
    *it = kAlphabet[low & 31];
    low = low >> 5 | high << 59;
    high >>= 5;
  }
  return text;
}

std::optional<Id> Id::parse(std::string_view text) {
  if (text.size() != kTextLength) return std::nullopt;
  Id id;
  for (const char c : text) {
    const auto value = kAlphabet.find(ascii::to_lower(c));
    if (value == std::string_view::npos || id.high_ >> 59 != 0) return std::nullopt;
    id = Id(id.high_ << 5 | id.low_ >> 59, id.low_ << 5 | value);
  }
  return id;
}

}  // namespace quartet
