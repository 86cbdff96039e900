#include "common/base/utf8.h"

#include <algorithm>

namespace quartet::utf8 {

std::size_t count(std::string_view text) {
  return text.size() - static_cast<std::size_t>(std::ranges::count_if(text, continues));
}

std::string_view within(std::string_view text, std::size_t octets) {
  if (text.size() <= octets) return text;
  auto end = octets;
  while (end > 0 && octets - end < 3 && continues(text[end])) --end;
  return text.substr(0, continues(text[end]) ? octets : end);
}

std::string_view first(std::string_view text, std::size_t characters) {
  std::size_t at = 0;
  for (; at < text.size(); ++at)
    if (!continues(text[at]) && characters-- == 0) break;
  return text.substr(0, at);
}

}  // namespace quartet::utf8
