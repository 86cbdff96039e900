// Messages that SEARCH may look through as they are.
#pragma once
#include <string_view>

namespace quartet::imapd {

/// Whether decoding changes nothing of the message but the folding of header fields: it is all ASCII, without encoded
/// words and names of files by RFC 2231, its transfer encodings and charsets are such that ASCII stands for itself, and
/// no CR stands alone. A word of its decoded texts, that is what is between white space, then stands in its octets as
/// well, whatever its parts are. False where that cannot be seen at once.
bool is_plain(std::string_view message);

/// Whether ASCII in this charset is ASCII.
bool keeps_ascii(std::string_view charset);

}  // namespace quartet::imapd
