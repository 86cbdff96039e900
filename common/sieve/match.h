// Comparing values with keys: match types and comparators of RFC 5228 section 2.7, RFC 5231, RFC 4790 and RFC 5051. For
// this folder.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/sieve/program.h"
#include "common/sieve/regex.h"

namespace quartet::sieve {

/// What a script may still do. An octet that is compared and an instruction cost one.
class Budget {
 public:
  explicit Budget(std::uint64_t most) : left_(most) {}
  /// False when it is used up, from then on for ever.
  bool spend(std::uint64_t cost) {
    if (cost > left_)
      left_ = 0;
    else
      left_ -= cost;
    return left_ > 0;
  }
  bool used_up() const { return left_ == 0; }

 private:
  std::uint64_t left_;
};

class Matcher {
 public:
  /// Keys that are no regular expressions match nothing; see fault().
  Matcher(const Match& match, std::vector<std::string> keys, Budget& budget);

  /// Whether the value fits any key. `captures`, if wanted, becomes ${0}, ${1}, ... of :matches and :regex. Not for
  /// :count and :list. False when the budget is used up.
  bool fits(std::string_view value, std::vector<std::string>* captures);
  /// For :count, with how many values there are.
  bool counts(std::size_t values);
  bool by_count() const { return match_.type == Match::Type::kCount; }
  const std::string& fault() const { return fault_; }

 private:
  bool by_form() const;
  bool fits_key(std::string_view value, std::size_t key, std::vector<std::string>* captures);
  bool fits_pattern(std::string_view value, const std::string& pattern, std::vector<std::string>* captures);
  int order(std::string_view a, std::string_view b) const;
  bool related(std::string_view value, std::string_view key) const;

  const Match& match_;
  std::vector<std::string> keys_;  // by_form(): in the comparator's form
  std::vector<std::unique_ptr<Regex>> regexes_;
  Budget& budget_;
  std::string fault_;
};

}  // namespace quartet::sieve
