// Characters of UTF-8 (RFC 3629) in byte strings, counted and kept whole. Text that is no UTF-8 does no harm.
#pragma once
#include <cstddef>
#include <string_view>

namespace quartet::utf8 {

/// Whether it belongs to the character that began before it.
constexpr bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// How many characters (code points).
std::size_t count(std::string_view text);

/// As many characters as there are in at most `octets` octets. Where there are no characters: `octets` octets.
std::string_view within(std::string_view text, std::size_t octets);

/// At most so many characters.
std::string_view first(std::string_view text, std::size_t characters);

}  // namespace quartet::utf8
