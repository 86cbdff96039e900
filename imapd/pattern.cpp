#include "imapd/pattern.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/ascii.h"

namespace quartet::imapd {
namespace {

bool is_wild(char c) { return c == '*' || c == '%'; }

bool is_inbox(std::string_view name) { return name == "INBOX" || name.starts_with("INBOX/"); }

}  // namespace

Pattern::Pattern(std::string_view text) {
  for (const char c : text) {
    if (!is_wild(c) || text_.empty() || !is_wild(text_.back()))
      text_ += c;
    else if (c == '*')
      text_.back() = c;  // "*%", "%*" and "**" are "*", "%%" is "%"
  }
}

bool Pattern::matches(std::string_view name) const {
  const std::size_t any_case = is_inbox(name) ? 5 : 0;
  // reached[p]: the first p characters of the pattern match what has been seen of the name. No backtracking: the
  // pattern is the client's, and its cost must be bounded by its length.
  std::vector<char> reached(text_.size() + 1, 0);
  std::vector<char> next(reached.size());
  const auto skip_wild = [this](std::vector<char>& states) {
    for (std::size_t p = 0; p < text_.size(); ++p)
      if (states[p] != 0 && is_wild(text_[p])) states[p + 1] = 1;
  };
  reached[0] = 1;
  skip_wild(reached);
  for (std::size_t n = 0; n < name.size(); ++n) {
    std::fill(next.begin(), next.end(), 0);
    for (std::size_t p = 0; p < text_.size(); ++p) {
      if (reached[p] == 0) continue;
      const char c = text_[p];
      if (is_wild(c))
        next[p] = static_cast<char>(next[p] != 0 || c == '*' || name[n] != '/');
      else if ((n < any_case ? ascii::to_upper(c) : c) == name[n])
        next[p + 1] = 1;
    }
    skip_wild(next);
    std::swap(reached, next);
  }
  return reached[text_.size()] != 0;
}

}  // namespace quartet::imapd
