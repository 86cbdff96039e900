#include "imapd/proto/grammar.h"

#include <algorithm>

namespace quartet::imapd {

bool is_astring(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_astring_char); }

std::string_view tag_of(std::string_view line) {
  const auto tag = line.substr(0, line.find(' '));
  if (tag.size() > kMaxTag || !std::ranges::all_of(tag, is_tag_char)) return {};
  return tag;
}

}  // namespace quartet::imapd
