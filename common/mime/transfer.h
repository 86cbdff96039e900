// Content transfer encodings: RFC 2045 section 6.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace quartet::mime {

enum class Encoding : std::uint8_t { k7Bit, k8Bit, kBinary, kQuotedPrintable, kBase64, kUnknown };

/// "" is 7bit; anything that RFC 2045 does not name is kUnknown.
Encoding parse_encoding(std::string_view value);
std::string_view to_string(Encoding encoding);

/// Decodes a body as it comes, in any pieces; the result does not depend on the pieces.
class Decoder {
 public:
  explicit Decoder(Encoding encoding) : encoding_(encoding) {}
  /// Appends what `bytes` decode to. Damage is passed over as RFC 2045 advises and remembered.
  void write(std::string_view bytes, std::string& out);
  void finish(std::string& out);
  /// Something was not what the encoding allows.
  bool damaged() const { return damaged_; }

 private:
  void base64(std::string_view bytes, std::string& out);
  void quoted_printable(std::string_view bytes, std::string& out);
  void quoted_printable_line(std::string_view line, std::string_view end, std::string& out);

  Encoding encoding_;
  bool damaged_ = false;
  bool ended_ = false;  // base64: after the padding
  int held_ = 0;        // base64: characters in `bits_`
  std::uint32_t bits_ = 0;
  std::string line_;  // quoted-printable: a line that is not complete
};

std::string decode(Encoding encoding, std::string_view bytes);
/// At most about `limit` bytes of it: enough for a preview.
std::string decode_prefix(Encoding encoding, std::string_view bytes, std::size_t limit);

/// Base64 in lines of 76 characters, each ended by CRLF.
void append_base64(std::string& out, std::string_view bytes);
/// Quoted-printable with lines of at most 76 characters. Line ends (CRLF, or LF alone) in `text` stay line ends, as
/// CRLF; with `binary` they are encoded like other control characters.
void append_quoted_printable(std::string& out, std::string_view text, bool binary = false);

}  // namespace quartet::mime
