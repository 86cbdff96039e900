// How the index of texts cuts them: at every ASCII character that is no letter or digit, octet by octet, so that a text
// and a needle that is in it are cut alike wherever the needle begins.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace quartet::imapd {

/// What stands in a dictionary as it is; of all else the grams are kept. Words of a language are short and few, so the
/// dictionary stays small; keys, signatures and numbers are different in each message and would make it grow for ever.
inline constexpr std::size_t kLongestWord = 24;
inline constexpr std::size_t kLongestNumber = 6;  // of words with a digit in them
/// Octets of a gram. Shorter than any token that is no word.
inline constexpr std::size_t kGram = 3;

inline bool is_delimiter(char c) {
  const auto octet = static_cast<unsigned char>(c);
  const bool letter = (octet >= 'A' && octet <= 'Z') || (octet >= 'a' && octet <= 'z');
  return octet < 0x80 && !letter && (octet < '0' || octet > '9');
}

bool is_word(std::string_view token);

inline std::uint32_t gram_at(const char* text) {
  return static_cast<std::uint32_t>(static_cast<unsigned char>(text[0])) << 16 |
         static_cast<std::uint32_t>(static_cast<unsigned char>(text[1])) << 8 | static_cast<unsigned char>(text[2]);
}

/// Calls use(token) for each, in order.
template <typename Use>
void each_token(std::string_view text, Use use) {
  for (std::size_t at = 0; at < text.size();) {
    if (is_delimiter(text[at])) {
      ++at;
      continue;
    }
    auto end = at + 1;
    while (end < text.size() && !is_delimiter(text[end])) ++end;
    use(text.substr(at, end - at));
    at = end;
  }
}

}  // namespace quartet::imapd
