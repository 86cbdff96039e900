// Texts that resemble each other, with how much: FUZZY of SEARCH (RFC 6203). Words may be in any order, misspelled or
// missing.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::imapd {

/// A text to be looked for. What is taken from it is bounded, however long it is.
class FuzzyNeedle {
 public:
  static constexpr std::size_t kMostWords = 16;
  static constexpr std::size_t kMostLetters = 64;  // of one word; what follows is not compared

  FuzzyNeedle() = default;
  /// `mapped` as mime::casemap() gives it.
  explicit FuzzyNeedle(std::string_view mapped);

  /// How relevant a text, as mime::casemap() gives it, is: 1 to 100, or 0 if it does not match. 100: the needle is in
  /// it as it stands, in whole words; an empty needle is in every text. Below: at least half of its words resemble
  /// words of the text.
  int score(std::string_view mapped) const;

 private:
  std::string text_;
  std::vector<std::u32string> words_;
};

/// How many letters must be put in, taken out or replaced, or neighbours exchanged, to make one word of the other; more
/// than `most`: `most` + 1.
std::size_t distance(std::u32string_view a, std::u32string_view b, std::size_t most);

}  // namespace quartet::imapd
