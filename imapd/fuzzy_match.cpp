#include "imapd/fuzzy_match.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <numeric>

namespace quartet::imapd {
namespace {

constexpr int kWholeWords = 100;
constexpr int kInsideWord = 90;
constexpr int kResembling = 89;  // all words are there, each as it should be

bool is_letter(UChar32 c) { return u_isalnum(c) != 0; }
/// A mark that mime::casemap() has taken apart from its letter: people leave them out.
bool is_mark(UChar32 c) { return (U_GET_GC_MASK(c) & U_GC_MN_MASK) != 0; }

/// The next word of the text, without marks; false at its end.
bool next_word(std::string_view text, std::size_t& at, std::u32string& word) {
  word.clear();
  const auto size = static_cast<std::int32_t>(text.size());
  auto n = static_cast<std::int32_t>(at);
  while (n < size) {
    UChar32 c = 0;
    U8_NEXT_OR_FFFD(text.data(), n, size, c);
    if (is_letter(c)) {
      if (word.size() < FuzzyNeedle::kMostLetters) word.push_back(static_cast<char32_t>(c));
    } else if (!is_mark(c) && !word.empty()) {
      break;
    }
  }
  at = static_cast<std::size_t>(n);
  return !word.empty();
}

/// In a short word nothing may be wrong: too many others are like it.
std::size_t most_wrong(std::size_t letters) { return letters < 4 ? 0 : letters < 8 ? 1 : 2; }

/// How well a word of the text stands for one that is looked for: 0 to 100.
int resemblance(const std::u32string& wanted, const std::u32string& word) {
  if (word == wanted) return 100;
  const auto letters = static_cast<int>(wanted.size());
  // "break" is in "breaking".
  if (letters >= 3 && word.size() > wanted.size() && word.find(wanted) != std::u32string::npos)
    return 50 + 50 * letters / static_cast<int>(word.size());
  const auto most = most_wrong(wanted.size());
  const auto wrong = static_cast<int>(distance(wanted, word, most));
  return wrong > static_cast<int>(most) ? 0 : 100 - 100 * wrong / letters;
}

/// Whether the octets at both ends of the match are not inside a word.
bool is_whole(std::string_view text, std::size_t begin, std::size_t end) {
  const auto size = static_cast<std::int32_t>(text.size());
  UChar32 before = ' ';
  UChar32 after = ' ';
  if (begin > 0) {
    auto n = static_cast<std::int32_t>(begin);
    U8_PREV_OR_FFFD(text.data(), 0, n, before);
  }
  if (end < text.size()) {
    auto n = static_cast<std::int32_t>(end);
    U8_NEXT_OR_FFFD(text.data(), n, size, after);
  }
  return !is_letter(before) && !is_letter(after) && !is_mark(after);
}

}  // namespace

FuzzyNeedle::FuzzyNeedle(std::string_view mapped) : text_(mapped) {
  std::u32string word;
  for (std::size_t at = 0; words_.size() < kMostWords && next_word(mapped, at, word);) words_.push_back(word);
}

int FuzzyNeedle::score(std::string_view mapped) const {
  bool inside = false;
  for (auto at = mapped.find(text_); at != std::string_view::npos; at = mapped.find(text_, at + 1)) {
    if (text_.empty() || is_whole(mapped, at, at + text_.size())) return kWholeWords;
    inside = true;
  }
  if (inside) return kInsideWord;
  if (words_.empty()) return 0;
  std::vector<int> best(words_.size());
  std::u32string word;
  for (std::size_t at = 0; next_word(mapped, at, word);)
    for (std::size_t n = 0; n < words_.size(); ++n)
      if (best[n] < 100) best[n] = std::max(best[n], resemblance(words_[n], word));
  const auto found = static_cast<std::size_t>(std::ranges::count_if(best, [](int each) { return each > 0; }));
  if (2 * found < words_.size()) return 0;
  const auto sum = std::accumulate(best.begin(), best.end(), 0);
  return std::max(1, kResembling * sum / (100 * static_cast<int>(best.size())));
}

std::size_t distance(std::u32string_view a, std::u32string_view b, std::size_t most) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > most) return most + 1;
  // Three rows of the table: two before this one are needed for exchanged neighbours.
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(above.begin(), above.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t wrong = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + wrong});
      const bool exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (exchanged) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    if (*std::ranges::min_element(row) > most) return most + 1;
    std::swap(before, above);
    std::swap(above, row);
  }
  return std::min(above[b.size()], most + 1);
}

}  // namespace quartet::imapd
