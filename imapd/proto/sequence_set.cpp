#include "imapd/proto/sequence_set.h"

#include <algorithm>
#include <utility>

#include "common/base/ascii.h"

namespace quartet::imapd {
namespace {

/// nz-number, or "*".
std::optional<std::uint32_t> parse_number(std::string_view text) {
  if (text == "*") return SequenceSet::kStar;
  if (text.empty() || text.front() == '0' || !ascii::is_digit(text.front())) return std::nullopt;
  auto number = ascii::to_number<std::uint32_t>(text);
  if (number == SequenceSet::kStar) --*number;
  return number;
}

}  // namespace

std::optional<SequenceSet> SequenceSet::parse(std::string_view text) {
  SequenceSet set;
  if (text == "$") {
    set.saved_ = true;
    return set;
  }
  for (std::size_t at = 0; at <= text.size();) {
    const auto comma = std::min(text.find(',', at), text.size());
    const auto range = text.substr(at, comma - at);
    const auto colon = range.find(':');
    const auto first = parse_number(range.substr(0, colon));
    const auto last = colon == std::string_view::npos ? first : parse_number(range.substr(colon + 1));
    if (!first || !last || set.ranges_.size() == kMaxRanges) return std::nullopt;
    set.ranges_.push_back({*first, *last});
    at = comma + 1;
  }
  set.normalise();
  return set;
}

std::optional<SequenceSet> SequenceSet::parse_numbers(std::string_view text) {
  if (text.contains('*')) return std::nullopt;
  auto set = parse(text);
  if (!set || set->saved_) return std::nullopt;
  return set;
}

void SequenceSet::normalise() {
  for (auto& range : ranges_) {
    if (range.first > range.last) std::swap(range.first, range.last);
  }
  std::ranges::sort(ranges_, {}, &SequenceRange::first);
  std::size_t kept = 0;
  // "*" may turn out below any number, so ranges that name it join nothing; together they are one from the lowest.
  std::uint32_t star_from = 0;
  bool star = false;
  for (const auto& range : ranges_) {
    if (range.last == kStar) {
      star_from = star ? std::min(star_from, range.first) : range.first;
      star = true;
    } else if (kept > 0 && range.first <= ranges_[kept - 1].last + std::uint64_t{1}) {
      ranges_[kept - 1].last = std::max(ranges_[kept - 1].last, range.last);
    } else {
      ranges_[kept++] = range;
    }
  }
  ranges_.resize(kept);
  if (star) ranges_.push_back({star_from, kStar});
}

SequenceSet SequenceSet::resolve(std::uint32_t highest) const {
  SequenceSet set;
  for (auto range : ranges_) {
    if (range.last == kStar) {
      if (highest == 0) continue;
      range.last = highest;
      if (range.first == kStar) range.first = highest;
    }
    set.ranges_.push_back(range);
  }
  set.normalise();
  return set;
}

bool SequenceSet::contains(std::uint32_t number) const {
  const auto range = std::ranges::lower_bound(ranges_, number, {}, &SequenceRange::last);
  return range != ranges_.end() && range->first <= number;
}

std::uint64_t SequenceSet::count() const {
  std::uint64_t count = 0;
  for (const auto& range : ranges_) count += std::uint64_t{range.last} - range.first + 1;
  return count;
}

void SequenceSet::add(std::uint32_t number) {
  if (ranges_.empty() || number > ranges_.back().last + std::uint64_t{1}) {
    ranges_.push_back({number, number});
  } else if (number == ranges_.back().last + std::uint64_t{1}) {
    ranges_.back().last = number;
  } else if (!contains(number)) {
    ranges_.push_back({number, number});
    normalise();
  }
}

std::string SequenceSet::to_string() const {
  if (saved_) return "$";
  std::string out;
  const auto append = [&out](std::uint32_t number) { out += number == kStar ? "*" : std::to_string(number); };
  for (const auto& range : ranges_) {
    if (!out.empty()) out.push_back(',');
    append(range.first);
    if (range.first == range.last) continue;
    out.push_back(':');
    append(range.last);
  }
  return out;
}

std::string to_sequence_text(const std::vector<std::uint32_t>& numbers) {
  std::vector<SequenceRange> ranges;
  for (const auto number : numbers) {
    if (!ranges.empty() && ranges.back().last + std::uint64_t{1} == number) {
      ranges.back().last = number;
    } else {
      ranges.push_back({number, number});
    }
  }
  return SequenceSet(std::move(ranges)).to_string();
}

}  // namespace quartet::imapd
