#include "common/mime/seven_bit.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/mime/charset.h"
#include "common/mime/header.h"
#include "common/mime/lines.h"
#include "common/mime/structure.h"

namespace quartet::mime {
namespace {

bool has_eight_bit_header(const Part& part, std::string_view message) {
  return !is_ascii(part.header(message)) || std::ranges::any_of(part.children, [message](const Part& child) {
    return has_eight_bit_header(child, message);
  });
}

std::size_t count_parts(const Part& part) {
  std::size_t count = 1;
  for (const Part& child : part.children) count += count_parts(child);
  return count;
}

/// How a leaf will be written.
struct Plan {
  Encoding encoding = Encoding::k7Bit;
  bool rewrite = false;  // the body is to be encoded anew
};

class Converter {
 public:
  explicit Converter(std::string_view message) : message_(message), root_(parse_structure(message)) {
    cut_off_ = count_parts(root_) >= StructureLimits{}.parts;
  }

  std::expected<std::string, SevenBitError> run() {
    out_.reserve(message_.size() + message_.size() / 2);
    if (!part(root_, true)) return std::unexpected(error_);
    return std::move(out_);
  }

 private:
  bool fail(SevenBitError error) {
    error_ = error;
    return false;
  }

  /// `is_root_of_message`: its header is that of a message, where MIME-Version belongs.
  bool part(const Part& part, bool is_root_of_message) {
    switch (part.kind) {
      case Part::Kind::kLeaf:
        return leaf(part, is_root_of_message);
      case Part::Kind::kMessage:
        // Separate, or fields added to the message inside would become fields of this header.
        if (!header(part, relabelled(part), is_root_of_message, true)) return false;
        return this->part(part.children.front(), true);
      case Part::Kind::kMultipart:
        break;
    }
    if (ascii::iequals(part.type.subtype, "signed") || ascii::iequals(part.type.subtype, "encrypted")) {
      const std::string_view body = part.body(message_);
      if (!scan_lines(body).seven_bit()) return fail(SevenBitError::kSigned);
      if (!header(part, relabelled(part), is_root_of_message)) return false;
      append_crlf(out_, body);
      return true;
    }
    return multipart(part, is_root_of_message);
  }

  /// What holds other parts is 7bit once these are; a label that it must not have is left alone.
  static Encoding relabelled(const Part& part) {
    return part.encoding == Encoding::k8Bit || part.encoding == Encoding::kBinary ? Encoding::k7Bit : part.encoding;
  }

  bool multipart(const Part& part, bool is_root_of_message) {
    if (part.children.front().header_offset == part.body_offset) {  // no boundary line: only its bytes can be kept
      if (!scan_lines(part.body(message_)).seven_bit()) return fail(SevenBitError::kTooDeep);
      if (!header(part, relabelled(part), is_root_of_message)) return false;
      append_crlf(out_, part.body(message_));
      return true;
    }
    if (!header(part, relabelled(part), is_root_of_message, true)) return false;
    std::size_t from = part.body_offset;
    for (const Part& child : part.children) {
      if (!between(message_.substr(from, child.header_offset - from), from == part.body_offset)) return false;
      if (!this->part(child, false)) return false;
      from = child.body_offset + child.body_size;
    }
    return epilogue(message_.substr(from, part.body_offset + part.body_size - from));
  }

  /// The boundary line before a part, with the line end before it, or the preamble.
  bool between(std::string_view bytes, bool first) {
    if (first) {
      const std::size_t last_line = bytes.size() < 2 ? 0 : bytes.rfind('\n', bytes.size() - 2) + 1;
      // Nobody reads a preamble (RFC 2046 section 5.1.1), so one that does not fit is left out.
      if (scan_lines(bytes.substr(0, last_line)).seven_bit()) append_crlf(out_, bytes.substr(0, last_line));
      bytes.remove_prefix(last_line);
    }
    if (!scan_lines(bytes).seven_bit()) return fail(SevenBitError::kTooDeep);
    append_crlf(out_, bytes);
    return true;
  }

  /// The end boundary, if there is one, and what follows it.
  bool epilogue(std::string_view bytes) {
    if (scan_lines(bytes).seven_bit()) {
      append_crlf(out_, bytes);
      return true;
    }
    if (cut_off_) return fail(SevenBitError::kTooDeep);
    const std::size_t line_end = bytes.starts_with("\r\n") ? 2 : bytes.starts_with('\n') ? 1 : 0;
    const std::size_t boundary_end = bytes.find('\n', line_end);
    const std::string_view boundary =
        bytes.substr(0, boundary_end == std::string_view::npos ? boundary_end : boundary_end + 1);
    if (!scan_lines(boundary).seven_bit()) return fail(SevenBitError::kTooDeep);
    append_crlf(out_, boundary);
    return true;
  }

  bool leaf(const Part& part, bool is_root_of_message) {
    const std::string_view body = part.body(message_);
    const LineScan scan = scan_lines(body);
    const bool exact = part.encoding == Encoding::kBinary && scan.lone_lf;  // there a lone LF is no line end
    if (scan.seven_bit() && !exact) {
      if (!header(part, relabelled(part), is_root_of_message)) return false;
      append_crlf(out_, body);
      return true;
    }
    const bool encoded = part.encoding == Encoding::kBase64 || part.encoding == Encoding::kQuotedPrintable;
    // RFC 2045 section 6.4: such must not be encoded, and they could not be taken apart.
    if (!encoded && (ascii::iequals(part.type.type, "multipart") || part.type.is("message", "rfc822") ||
                     part.type.is("message", "global") || part.type.is("message", "partial")))
      return fail(SevenBitError::kTooDeep);
    return encode_leaf(part, body, scan, is_root_of_message);
  }

  bool encode_leaf(const Part& part, std::string_view body, const LineScan& scan, bool is_root_of_message) {
    std::string storage;
    Encoding to = part.encoding;
    if (part.encoding == Encoding::kBase64 || part.encoding == Encoding::kQuotedPrintable) {
      // Damaged on its way: what a reader would make of it is kept.
      storage = decode(part.encoding, body);
      body = storage;
    } else if (part.encoding == Encoding::kBinary) {
      to = scan.lone_lf || (scan.lone_cr && part.is_text()) || (scan.has_lines && !part.is_text()) ? Encoding::kBase64
                                                                                                   : shorter(body);
    } else {
      if (scan.lone_lf) {
        append_crlf(storage, body);
        body = storage;
      }
      to = shorter(body);
    }
    if (!header(part, to, is_root_of_message, true, body)) return false;
    if (to == Encoding::kBase64) {
      append_base64(out_, body);
    } else {
      append_quoted_printable(out_, body);
    }
    return true;
  }

  static Encoding shorter(std::string_view body) {
    const auto escaped = static_cast<std::size_t>(std::ranges::count_if(body, [](char c) {
      return static_cast<unsigned char>(c) >= 127 || (c < 32 && !ascii::is_space(c)) || c == '=';
    }));
    const std::size_t quoted_printable = body.size() + 2 * escaped + (body.size() + 2 * escaped) / 75 * 3;
    return quoted_printable <= body.size() * 4 / 3 + body.size() / 57 * 2 ? Encoding::kQuotedPrintable
                                                                          : Encoding::kBase64;
  }

  /// Writes the part's header with the encoding `to` named in it. `separate`: what follows is not the body as it was,
  /// so an empty line must be between. `charset_of`: the body, if it is now encoded and so needs a charset.
  bool header(const Part& part, Encoding to, bool is_root_of_message, bool separate = false,
              std::string_view charset_of = {}) {
    const std::string_view bytes = part.header(message_);
    const LineScan scan = scan_lines(bytes);
    if (scan.eight_bit || scan.nul || scan.lone_cr) return fail(SevenBitError::kHeader);
    const Header parsed(bytes);
    const std::string_view fields = bytes.substr(0, parsed.fields_size());
    const bool relabel = to != part.encoding;
    if (!relabel && !separate) {
      append_crlf(out_, bytes);
      return true;
    }
    if (!fields.empty() && !fields.ends_with('\n') && part.body_size > 0) return fail(SevenBitError::kTooDeep);
    if (relabel) {
      for (const std::string_view piece : without_encoding(parsed, fields)) append_crlf(out_, piece);
    } else {
      append_crlf(out_, fields);
    }
    if (!out_.empty() && !out_.ends_with('\n')) out_ += "\r\n";
    if (!charset_of.empty()) add_mime_fields(parsed, part, charset_of, is_root_of_message);
    if (relabel) out_.append("Content-Transfer-Encoding: ").append(to_string(to)).append("\r\n");
    out_ += "\r\n";
    return true;
  }

  static std::vector<std::string_view> without_encoding(const Header& parsed, std::string_view fields) {
    std::vector<std::string_view> pieces;
    std::size_t from = 0;
    for (const Field& field : parsed.fields()) {
      if (!field.is("Content-Transfer-Encoding")) continue;
      pieces.push_back(fields.substr(from, field.offset - from));
      from = field.offset + field.raw.size();
    }
    pieces.push_back(fields.substr(from));
    return pieces;
  }

  /// Without these a reader would not know that there is an encoding, nor of what.
  void add_mime_fields(const Header& parsed, const Part& part, std::string_view body, bool is_root_of_message) {
    if (is_root_of_message && !parsed.find("MIME-Version")) out_ += "MIME-Version: 1.0\r\n";
    if (parsed.find("Content-Type") || !part.type.is("text", "plain")) return;
    out_ += "Content-Type: text/plain; charset=";
    out_ += is_ascii(body) ? "us-ascii" : is_utf8(body) ? "utf-8" : "unknown-8bit";  // RFC 1428 section 3
    out_ += "\r\n";
  }

  std::string_view message_;
  Part root_;
  bool cut_off_ = false;  // there may be parts that were not taken apart
  std::string out_;
  SevenBitError error_ = SevenBitError::kTooDeep;
};

}  // namespace

Needs needs(std::string_view message) {
  const LineScan scan = scan_lines(message);
  Needs out;
  out.binary = scan.nul || scan.lone_cr || scan.lone_lf || scan.long_line;
  if (!scan.eight_bit) return out;
  const Header header(message);
  out.eight_bit = !is_ascii(message.substr(header.size()));
  // Headers of parts count too (RFC 6532 section 3.1), but only a body with such bytes can have such a part.
  out.eight_bit_header = out.eight_bit ? has_eight_bit_header(parse_structure(message, header), message)
                                       : !is_ascii(message.substr(0, header.size()));
  return out;
}

std::string_view to_string(SevenBitError error) {
  switch (error) {
    case SevenBitError::kSigned:
      return "a signed or encrypted part is not 7bit and must not be changed";
    case SevenBitError::kHeader:
      return "a header field is not in ASCII";
    case SevenBitError::kTooDeep:
      break;
  }
  return "the structure of the message is too deep or broken";
}

std::expected<std::string, SevenBitError> to_seven_bit(std::string_view message) { return Converter(message).run(); }

}  // namespace quartet::mime
