#include "common/sieve/match.h"

#include <algorithm>

#include "common/base/ascii.h"

namespace quartet::sieve {
namespace {

/// RFC 4790 section 9.1.1: the digits it begins with, without leading zeros; "" stands for positive infinity.
std::string_view numeric(std::string_view text) {
  auto digits = text.substr(0, text.find_first_not_of("0123456789"));
  if (digits.empty()) return {};
  const auto first = digits.find_first_not_of('0');
  return first == std::string_view::npos ? digits.substr(0, 1) : digits.substr(first);
}

int compare_numeric(std::string_view a, std::string_view b) {
  a = numeric(a);
  b = numeric(b);
  if (a.empty() || b.empty()) return static_cast<int>(a.empty()) - static_cast<int>(b.empty());
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

/// One element of a pattern.
struct Token {
  enum class Kind : std::uint8_t { kOctet, kOne, kMany };
  Kind kind = Kind::kOctet;
  char octet = 0;
};

std::vector<Token> tokens_of(std::string_view pattern, bool fold) {
  std::vector<Token> out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    char c = pattern[i];
    if (c == '*' || c == '?') {
      out.push_back({c == '*' ? Token::Kind::kMany : Token::Kind::kOne});
      continue;
    }
    if (c == '\\' && i + 1 < pattern.size()) c = pattern[++i];
    out.push_back({Token::Kind::kOctet, fold ? ascii::to_upper(c) : c});
  }
  return out;
}

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

class Glob {
 public:
  Glob(std::string_view value, std::vector<Token> tokens, Comparator comparator)
      : value_(value), tokens_(std::move(tokens)), comparator_(comparator), spans_(tokens_.size()) {}

  /// When something does not fit, the last * takes one octet more; those before it need no other try, for what
  /// they took is the least with which all up to the last * fits.
  bool run(Budget& budget) {
    constexpr auto kNone = static_cast<std::size_t>(-1);
    std::size_t token = 0, at = 0, many = kNone;
    for (std::uint64_t steps = 0;; ++steps) {
      if ((steps & 1023) == 1023 && !budget.spend(1024)) return false;
      if (token == tokens_.size() && at == value_.size()) return true;
      if (token < tokens_.size() && tokens_[token].kind == Token::Kind::kMany) {
        many = token;
        spans_[token++] = {at, at};
      } else if (token < tokens_.size() && step(token, at)) {
        ++token;
      } else if (many == kNone || spans_[many].end == value_.size()) {
        return false;
      } else {
        ++spans_[many].end;
        // A pattern that ends with * takes all the rest at once.
        if (many + 1 == tokens_.size()) spans_[many].end = value_.size();
        at = spans_[many].end;
        token = many + 1;
      }
    }
  }

  void captures(std::vector<std::string>& out) const {
    out.assign(1, std::string(value_));
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (tokens_[i].kind != Token::Kind::kOctet)
        out.emplace_back(value_.substr(spans_[i].begin, spans_[i].end - spans_[i].begin));
    }
  }

 private:
  bool step(std::size_t token, std::size_t& at) {
    if (at == value_.size()) return false;
    if (tokens_[token].kind == Token::Kind::kOne) {
      // With the comparators that there are here a character is an octet (RFC 5228 section 2.7.1).
      spans_[token] = {at, at + 1};
      ++at;
      return true;
    }
    const char c = comparator_ == Comparator::kOctet ? value_[at] : ascii::to_upper(value_[at]);
    if (c != tokens_[token].octet) return false;
    ++at;
    return true;
  }

  std::string_view value_;
  std::vector<Token> tokens_;
  Comparator comparator_;
  std::vector<Span> spans_;
};

}  // namespace

int compare(Comparator comparator, std::string_view a, std::string_view b) {
  if (comparator == Comparator::kAsciiNumeric) return compare_numeric(a, b);
  if (comparator == Comparator::kOctet) return a.compare(b);
  return ascii::upper(a).compare(ascii::upper(b));
}

bool glob(std::string_view pattern, std::string_view value, Comparator comparator, Budget& budget,
          std::vector<std::string>* captures) {
  Glob matching(value, tokens_of(pattern, comparator != Comparator::kOctet), comparator);
  if (!matching.run(budget)) return false;
  if (captures != nullptr) matching.captures(*captures);
  return true;
}

Matcher::Matcher(const Match& match, std::vector<std::string> keys, Budget& budget)
    : match_(match), keys_(std::move(keys)), budget_(budget) {
  const bool fold = match.type == Match::Type::kContains && match.comparator == Comparator::kAsciiCasemap;
  for (auto& key : keys_) {
    if (fold) key = ascii::upper(key);
    if (match.type != Match::Type::kRegex) continue;
    // To compile one costs more than to use it.
    if (!budget.spend(10'000 + 100 * key.size())) return;
    regexes_.push_back(std::make_unique<Regex>(key, match.comparator));
    if (auto wrong = regexes_.back()->fault(); !wrong.empty()) fault_ = "not a regular expression: " + wrong;
  }
}

bool Matcher::fits(std::string_view value, std::vector<std::string>* captures) {
  const bool fold = match_.type == Match::Type::kContains && match_.comparator == Comparator::kAsciiCasemap;
  std::string storage;
  if (fold) value = storage = ascii::upper(value);
  for (std::size_t key = 0; key < keys_.size(); ++key) {
    if (!budget_.spend(value.size() + keys_[key].size() + 1)) return false;
    if (fits_key(value, key, captures)) return !budget_.used_up();
  }
  return false;
}

bool Matcher::fits_key(std::string_view value, std::size_t key, std::vector<std::string>* captures) {
  switch (match_.type) {
    case Match::Type::kIs:
      return compare(match_.comparator, value, keys_[key]) == 0;
    case Match::Type::kContains:
      return value.contains(keys_[key]);
    case Match::Type::kMatches:
      return glob(keys_[key], value, match_.comparator, budget_, captures);
    case Match::Type::kRegex: {
      const auto groups = regexes_[key]->find(value);
      if (captures != nullptr && !groups.empty()) captures->assign(groups.begin(), groups.end());
      return !groups.empty();
    }
    case Match::Type::kValue:
      return related(value, keys_[key]);
    case Match::Type::kCount:
      break;
  }
  return false;
}

bool Matcher::counts(std::size_t values) {
  return std::ranges::any_of(keys_, [&](const auto& key) { return related(std::to_string(values), key); });
}

bool Matcher::related(std::string_view value, std::string_view key) const {
  const int order = compare(match_.comparator, value, key);
  switch (match_.relation) {
    case Relation::kGt:
      return order > 0;
    case Relation::kGe:
      return order >= 0;
    case Relation::kLt:
      return order < 0;
    case Relation::kLe:
      return order <= 0;
    case Relation::kEq:
      return order == 0;
    case Relation::kNe:
      return order != 0;
  }
  return false;
}

}  // namespace quartet::sieve
