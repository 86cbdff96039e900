// How relevant a message is to FUZZY keys (RFC 6203 sections 4 and 5): texts by their words, dates and sizes by how far
// off they are. All other keys match as they do without FUZZY.
#include <algorithm>

#include "common/mime/casemap.h"
#include "imapd/search_evidence.h"
#include "imapd/search_match.h"

namespace quartet::imapd {
namespace {

using Kind = SearchKey::Kind;

constexpr int kMost = 100;
constexpr std::int64_t kMostDays = 7;
constexpr std::uint64_t kMostOff = 20;  // percent of a size

int rate_date(std::int64_t days) {
  constexpr int kPerDay = 12;
  return days > kMostDays ? 0 : kMost - kPerDay * static_cast<int>(days);
}

/// `off`: by how many octets a message is too small or too large.
int rate_size(std::uint64_t off, std::uint64_t wanted) {
  constexpr int kPerPercent = 4;
  if (off == 0) return kMost;
  const auto percent = off * 100 / std::max<std::uint64_t>(1, wanted);
  return percent > kMostOff ? 0 : kMost - 1 - kPerPercent * static_cast<int>(percent);
}

std::optional<int> rate_field(const SearchKey& key, const FuzzyNeedle& needle, const Candidate& candidate) {
  const auto name = field_of(key);
  const auto stored = stored_field(name);
  const auto* const headers = headers_of(candidate);
  // An empty needle asks whether there is such a field, and it may be there and empty.
  if (stored != nullptr && headers != nullptr && (!key.text.empty() || !(headers->*stored).empty()))
    return needle.score(mime::casemap(headers->*stored));
  if (candidate.text == nullptr) return std::nullopt;
  return candidate.text->field_score(name, needle);
}

/// A word in the header says more of a message than one in its body.
int rate_text(const FuzzyNeedle& needle, MessageText& text) {
  return std::max(text.header_score(needle), text.body_score(needle) * 9 / 10);
}

}  // namespace

bool Matcher::is_rated(Kind kind) {
  switch (kind) {
    case Kind::kBody:
    case Kind::kText:
    case Kind::kBefore:
    case Kind::kOn:
    case Kind::kSince:
    case Kind::kSentBefore:
    case Kind::kSentOn:
    case Kind::kSentSince:
    case Kind::kLarger:
    case Kind::kSmaller:
    case Kind::kBcc:
    case Kind::kCc:
    case Kind::kFrom:
    case Kind::kSubject:
    case Kind::kTo:
    case Kind::kHeader:
      return true;
    default:
      return false;
  }
}

std::optional<int> Matcher::rate(const Node& node, const Candidate& candidate) {
  const auto& key = *node.key;
  const std::uint64_t size = candidate.entry->size;
  switch (key.kind) {
    case Kind::kBody:
    case Kind::kText:
      if (node.needle.empty()) return kMost;
      if (candidate.text == nullptr) return std::nullopt;
      return key.kind == Kind::kBody ? candidate.text->body_score(node.fuzzy_needle)
                                     : rate_text(node.fuzzy_needle, *candidate.text);
    case Kind::kLarger:
      return rate_size(size > key.number ? 0 : key.number - size + 1, key.number);
    case Kind::kSmaller:
      return rate_size(size < key.number ? 0 : size - key.number + 1, key.number);
    case Kind::kBcc:
    case Kind::kCc:
    case Kind::kFrom:
    case Kind::kSubject:
    case Kind::kTo:
    case Kind::kHeader:
      return rate_field(key, node.fuzzy_needle, candidate);
    default: {
      const auto day = looked_at_day(key, candidate);
      if (!day) return std::nullopt;
      return *day ? rate_date(days_off(key, **day)) : 0;
    }
  }
}

std::optional<int> Matcher::score_of_children(const Node& node, const Candidate& candidate) const {
  int sum = 0;
  int count = 0;
  int best = 0;
  for (const auto& child : node.children) {
    const auto one = score(child, candidate);
    if (!one) return std::nullopt;
    sum += *one;
    count += *one > 0 ? 1 : 0;
    best = std::max(best, *one);
  }
  if (node.key->kind == Kind::kOr) return best;
  return count == 0 ? 0 : sum / count;
}

std::optional<int> Matcher::score(const Node& node, const Candidate& candidate) const {
  const auto kind = node.key->kind;
  if (kind == Kind::kNot) return 0;
  if (!node.children.empty()) return score_of_children(node, candidate);
  if (!node.fuzzy) return 0;
  if (is_rated(kind)) return rate(node, candidate);
  const auto matches = match(node, candidate);
  if (matches == Truth::kUnknown) return std::nullopt;
  return matches == Truth::kYes ? kMost : 0;
}

std::optional<int> Matcher::relevancy(const Candidate& candidate) const {
  const auto known = score(root_, candidate);
  // Something else than FUZZY keys made it match.
  return known ? std::optional(std::clamp(*known, 1, kMost)) : std::nullopt;
}

}  // namespace quartet::imapd
