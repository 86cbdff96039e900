// Character classes of RFC 9051 section 9.
#pragma once
#include <cstddef>
#include <string_view>

namespace quartet::imapd {

/// ATOM-CHAR: 0x21..0x7E without ( ) { % * " \ ].
constexpr bool is_atom_char(char c) {
  return c > ' ' && c < '\x7F' && std::string_view("(){%*\"\\]").find(c) == std::string_view::npos;
}
/// ASTRING-CHAR: "]" as well.
constexpr bool is_astring_char(char c) { return is_atom_char(c) || c == ']'; }
/// list-char: wildcards as well.
constexpr bool is_list_char(char c) { return is_astring_char(c) || c == '%' || c == '*'; }
/// tag: ASTRING-CHAR without "+".
constexpr bool is_tag_char(char c) { return is_astring_char(c) && c != '+'; }

inline constexpr std::size_t kMaxTag = 128;  // octets; RFC 9051 sets no bound

/// Whether `text` can go without quotes where an astring may stand.
bool is_astring(std::string_view text);

/// The tag at the front of a line; "" if there is none that could be sent back.
std::string_view tag_of(std::string_view line);

}  // namespace quartet::imapd
