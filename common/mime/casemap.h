// The comparator i;unicode-casemap of RFC 5051.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace quartet::mime {

/// UTF-8 in the form in which texts are compared, put in order and looked through, octet by octet: i;unicode-casemap
/// (RFC 5051), which puts letters in capitals and takes their marks apart, so "_" comes behind letters and "caf\u00e9"
/// contains "cafe". Of two texts with an ASCII character between them it is the two forms with that character between.
std::string casemap(std::string_view utf8);

/// The same of the character that `utf8`, which is not empty, begins with: goes behind `out`, and is taken off. Marks
/// that follow each other stay in their order. What is no UTF-8 is U+FFFD.
void append_casemap(std::string_view& utf8, std::string& out);

/// Differs where ICU may give other forms.
std::uint32_t casemap_version();

}  // namespace quartet::mime
