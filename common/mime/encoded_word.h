// Encoded words: RFC 2047 and the language suffix of RFC 2231 section 5.
#pragma once
#include <string>
#include <string_view>

namespace quartet::mime {

/// A header value as readable UTF-8: folds made one space, encoded words decoded and the space between two of them
/// dropped, raw bytes above 127 taken as UTF-8 or Windows-1252. Words that do not decode stay as they are.
std::string decode_words(std::string_view value);

/// `text` (UTF-8) for an unstructured field or a phrase: itself when it is printable ASCII that nobody could take for
/// an encoded word, otherwise encoded words in UTF-8, B or Q, whichever is shorter, each at most 75 bytes and folded
/// with CRLF SP between them. `column` is where on the line it begins.
std::string encode_words(std::string_view text, std::size_t column = 0);

/// The same on one line: words are separated by one space.
std::string encode_words_unfolded(std::string_view text);

}  // namespace quartet::mime
