#include "common/sieve/match.h"

#include <algorithm>
#include <cstring>

#include "common/base/ascii.h"
#include "common/mime/casemap.h"
#include "common/mime/charset.h"

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

/// The character that `text` begins with, as it is compared, goes behind `out`; takes it off.
void take_character(std::string_view& text, Comparator comparator, std::string& out) {
  if (comparator == Comparator::kUnicodeCasemap) return mime::append_casemap(text, out);
  // A character is an octet (RFC 5228 section 2.7.1).
  out += comparator == Comparator::kOctet ? text.front() : ascii::to_upper(text.front());
  text.remove_prefix(1);
}

/// As texts are compared, octet by octet; `storage` may have it.
std::string_view form_of(std::string_view text, Comparator comparator, std::string& storage) {
  if (comparator == Comparator::kAsciiCasemap) return storage = ascii::upper(text);
  if (comparator == Comparator::kUnicodeCasemap) return storage = mime::casemap(text);
  return text;
}

/// What it costs to bring an octet into that form.
std::uint64_t cost_of(std::string_view text, Comparator comparator) {
  constexpr std::uint64_t kMapped = 16;
  return text.size() * (comparator == Comparator::kUnicodeCasemap && !mime::is_ascii(text) ? kMapped : 1);
}

/// In time linear in both together, which contains() of the standard library does not promise.
bool has_within(std::string_view text, std::string_view wanted) {
  if (wanted.size() > text.size()) return false;
  return wanted.empty() || ::memmem(text.data(), text.size(), wanted.data(), wanted.size()) != nullptr;
}

/// One element of a pattern (RFC 5228 section 2.7.1).
struct Token {
  enum class Kind : std::uint8_t { kOctet, kOne, kMany };
  Kind kind = Kind::kOctet;
  char octet = 0;
};

std::vector<Token> tokens_of(std::string_view pattern, Comparator comparator) {
  std::vector<Token> out;
  std::string octets;
  while (!pattern.empty()) {
    const char c = pattern.front();
    if (c == '*' || c == '?') {
      out.push_back({c == '*' ? Token::Kind::kMany : Token::Kind::kOne});
      pattern.remove_prefix(1);
      continue;
    }
    if (c == '\\' && pattern.size() > 1) pattern.remove_prefix(1);
    octets.clear();
    take_character(pattern, comparator, octets);
    for (const char octet : octets) out.push_back({Token::Kind::kOctet, octet});
  }
  return out;
}

/// A value as patterns see it, character by character.
class Subject {
 public:
  Subject(std::string_view value, Comparator comparator) : value_(value), comparator_(comparator) {
    if (is_of_octets()) text_ = form_of(value, comparator, text_);
    for (auto rest = is_of_octets() ? "" : value; !rest.empty();) {
      take_character(rest, comparator, text_);
      begins_.resize(text_.size() + 1);
      begins_.back() = true;
    }
  }

  std::size_t size() const { return text_.size(); }
  char operator[](std::size_t at) const { return text_[at]; }
  /// Where the next character begins.
  std::size_t behind(std::size_t at) const {
    do ++at;
    while (!is_of_octets() && !begins_[at]);
    return at;
  }

  /// Of the value as it came, for places in it that ascend. One inside a character is where that begins.
  class Places {
   public:
    explicit Places(const Subject& subject) : subject_(subject), rest_(subject.value_) {}
    std::size_t of(std::size_t at) {
      if (subject_.is_of_octets()) return at;
      while (!rest_.empty() && subject_.behind(at_) <= at) {
        at_ = subject_.behind(at_);
        take_character(rest_, subject_.comparator_, passed_);
        passed_.clear();
      }
      return subject_.value_.size() - rest_.size();
    }

   private:
    const Subject& subject_;
    std::string_view rest_;
    std::string passed_;
    std::size_t at_ = 0;
  };

 private:
  /// Characters are octets, each at its place in the value.
  bool is_of_octets() const { return comparator_ != Comparator::kUnicodeCasemap; }

  std::string_view value_;
  Comparator comparator_;
  std::string text_;
  std::vector<bool> begins_;  // of each octet of `text_`, and of its end: whether a character begins there
};

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Whether a value fits a pattern with * and ?.
class Glob {
 public:
  Glob(std::string_view pattern, std::string_view value, Comparator comparator)
      : value_(value), subject_(value, comparator), tokens_(tokens_of(pattern, comparator)), spans_(tokens_.size()) {}

  /// When something does not fit, the last * takes one octet more; those before it need no other try, for what
  /// they took is the least with which all up to the last * fits.
  bool run(Budget& budget) {
    constexpr auto kNone = static_cast<std::size_t>(-1);
    std::size_t token = 0, at = 0, many = kNone;
    for (std::uint64_t steps = 0;; ++steps) {
      if ((steps & 1023) == 1023 && !budget.spend(1024)) return false;
      if (token == tokens_.size() && at == subject_.size()) return true;
      if (token < tokens_.size() && tokens_[token].kind == Token::Kind::kMany) {
        many = token;
        spans_[token++] = {at, at};
      } else if (token < tokens_.size() && step(token, at)) {
        ++token;
      } else if (many == kNone || spans_[many].end == subject_.size()) {
        return false;
      } else {
        ++spans_[many].end;
        // A pattern that ends with * takes all the rest at once.
        if (many + 1 == tokens_.size()) spans_[many].end = subject_.size();
        at = spans_[many].end;
        token = many + 1;
      }
    }
  }

  /// The whole value and what each wildcard stands for, as little as possible each (RFC 5229 section 3.2).
  void captures(std::vector<std::string>& out) const {
    out.assign(1, std::string(value_));
    Subject::Places places(subject_);
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (tokens_[i].kind == Token::Kind::kOctet) continue;
      const auto begin = places.of(spans_[i].begin);
      out.emplace_back(value_.substr(begin, places.of(spans_[i].end) - begin));
    }
  }

 private:
  bool step(std::size_t token, std::size_t& at) {
    if (at == subject_.size()) return false;
    if (tokens_[token].kind == Token::Kind::kOne) {
      spans_[token] = {at, subject_.behind(at)};
      at = spans_[token].end;
      return true;
    }
    if (subject_[at] != tokens_[token].octet) return false;
    ++at;
    return true;
  }

  std::string_view value_;
  Subject subject_;
  std::vector<Token> tokens_;
  std::vector<Span> spans_;
};

}  // namespace

Matcher::Matcher(const Match& match, std::vector<std::string> keys, Budget& budget)
    : match_(match), keys_(std::move(keys)), budget_(budget) {
  for (auto& key : keys_) {
    if (by_form()) {
      if (!budget.spend(cost_of(key, match.comparator))) return;
      std::string storage;
      key = form_of(key, match.comparator, storage);
    }
    if (match.type != Match::Type::kRegex) continue;
    // To compile one costs more than to use it.
    if (!budget.spend(10'000 + 100 * key.size())) return;
    regexes_.push_back(std::make_unique<Regex>(key, match.comparator));
    if (!budget.spend(100 * regexes_.back()->size())) return;
    if (auto wrong = regexes_.back()->fault(); !wrong.empty()) fault_ = "not a regular expression: " + wrong;
  }
}

/// Patterns are read before they are compared.
bool Matcher::by_form() const { return match_.type != Match::Type::kMatches && match_.type != Match::Type::kRegex; }

bool Matcher::fits(std::string_view value, std::vector<std::string>* captures) {
  std::string storage;
  if (by_form()) {
    if (!budget_.spend(cost_of(value, match_.comparator))) return false;
    value = form_of(value, match_.comparator, storage);
  }
  for (std::size_t key = 0; key < keys_.size(); ++key) {
    if (!budget_.spend(value.size() + keys_[key].size() + 1)) return false;
    if (fits_key(value, key, captures)) return !budget_.used_up();
  }
  return false;
}

bool Matcher::fits_pattern(std::string_view value, const std::string& pattern, std::vector<std::string>* captures) {
  if (!budget_.spend(cost_of(value, match_.comparator))) return false;
  Glob glob(pattern, value, match_.comparator);
  if (!glob.run(budget_)) return false;
  if (captures != nullptr) glob.captures(*captures);
  return true;
}

bool Matcher::fits_key(std::string_view value, std::size_t key, std::vector<std::string>* captures) {
  switch (match_.type) {
    case Match::Type::kIs:
      return order(value, keys_[key]) == 0;
    case Match::Type::kContains:
      return has_within(value, keys_[key]);
    case Match::Type::kMatches:
      return fits_pattern(value, keys_[key], captures);
    case Match::Type::kRegex: {
      if (!budget_.spend(regexes_[key]->cost(value.size()))) return false;
      const auto groups = regexes_[key]->find(value);
      if (captures != nullptr && !groups.empty()) captures->assign(groups.begin(), groups.end());
      return !groups.empty();
    }
    case Match::Type::kValue:
      return related(value, keys_[key]);
    case Match::Type::kCount:
    case Match::Type::kList:
      break;
  }
  return false;
}

bool Matcher::counts(std::size_t values) {
  return std::ranges::any_of(keys_, [&](const auto& key) { return related(std::to_string(values), key); });
}

/// Of two texts in the comparator's form: less than 0, 0, greater than 0.
int Matcher::order(std::string_view a, std::string_view b) const {
  return match_.comparator == Comparator::kAsciiNumeric ? compare_numeric(a, b) : a.compare(b);
}

bool Matcher::related(std::string_view value, std::string_view key) const {
  const int order = this->order(value, key);
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
