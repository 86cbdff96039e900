// Character sets to and from UTF-8. US-ASCII, UTF-8 and ISO-8859-1 are done here, the rest by iconv(3).
#pragma once
#include <string>
#include <string_view>

namespace quartet::mime {

/// Whether the name is known; "" is US-ASCII.
bool charset_known(std::string_view charset);

/// Appends `bytes` in UTF-8. Bytes that are wrong in the charset become U+FFFD; never fails. An unknown charset is
/// taken as UTF-8 if it is valid UTF-8 and as Windows-1252 otherwise; so are bytes above 127 in US-ASCII.
void append_utf8(std::string& out, std::string_view bytes, std::string_view charset);
std::string to_utf8(std::string_view bytes, std::string_view charset);

bool is_ascii(std::string_view bytes);
bool is_utf8(std::string_view bytes);

}  // namespace quartet::mime
