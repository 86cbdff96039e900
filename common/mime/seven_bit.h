// A message for a next hop without 8BITMIME: RFC 6152 section 3, case 1; RFC 2045 section 6.
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace quartet::mime {

/// What a message needs of the way it goes.
struct Needs {
  bool eight_bit = false;         // bytes above 127 in the body
  bool eight_bit_header = false;  // bytes above 127 in a header: needs SMTPUTF8
  bool binary = false;            // NUL, a lone CR or LF, or a line of over 998 bytes: needs BINARYMIME or re-encoding
};
Needs needs(std::string_view message);

enum class SevenBitError {
  kSigned,   // inside multipart/signed or multipart/encrypted: a change would break the signature (RFC 1847)
  kHeader,   // UTF-8 in header fields: needs SMTPUTF8; or NUL or a lone CR there
  kTooDeep,  // limits of the structure parser, or what it cannot take apart: no boundary lines, message/partial
};
std::string_view to_string(SevenBitError error);

/// The same message with each leaf that is not 7bit encoded in quoted-printable or base64, whichever is shorter, and
/// the Content-Transfer-Encoding fields of parts and of those around them changed to fit. Lines end in CRLF.
std::expected<std::string, SevenBitError> to_seven_bit(std::string_view message);

}  // namespace quartet::mime
