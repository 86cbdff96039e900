#include "imapd/text_index/words.h"

#include <algorithm>

namespace quartet::imapd {

bool is_word(std::string_view token) {
  if (token.size() <= kLongestNumber) return true;
  return token.size() <= kLongestWord && std::ranges::none_of(token, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace quartet::imapd
