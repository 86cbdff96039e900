#include "common/mime/transfer.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "common/base/ascii.h"
#include "common/base/encoding.h"

namespace quartet::mime {
namespace {

constexpr std::uint8_t kNoDigit = 0xFF;

constexpr std::array<std::uint8_t, 256> make_base64_digits() {
  std::array<std::uint8_t, 256> digits{};
  for (auto& digit : digits) digit = kNoDigit;
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < kAlphabet.size(); ++i)
    digits[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  return digits;
}
constexpr auto kBase64Digits = make_base64_digits();

int hex_digit(char c) {
  if (ascii::is_digit(c)) return c - '0';
  const char lower = ascii::to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

void append_hex(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out.push_back('=');
  out.push_back(kHex[byte >> 4]);
  out.push_back(kHex[byte & 15]);
}

/// As many whole groups of four digits as `bytes` begin with; gives how many octets these are.
std::size_t append_base64_groups(std::string_view bytes, std::string& out) {
  const auto size = out.size();
  std::size_t taken = 0;
  out.resize_and_overwrite(size + bytes.size() / 4 * 3, [&](char* data, std::size_t) {
    char* to = data + size;
    for (; taken + 4 <= bytes.size(); taken += 4, to += 3) {
      std::uint32_t bits = 0;
      std::uint8_t all = 0;
      for (std::size_t n = 0; n < 4; ++n) {
        const auto digit = kBase64Digits[static_cast<unsigned char>(bytes[taken + n])];
        all |= digit;
        bits = bits << 6 | digit;
      }
      if (all > 63) break;  // kNoDigit is among them
      to[0] = static_cast<char>(bits >> 16);
      to[1] = static_cast<char>(bits >> 8);
      to[2] = static_cast<char>(bits);
    }
    return static_cast<std::size_t>(to - data);
  });
  return taken;
}

}  // namespace

Encoding parse_encoding(std::string_view value) {
  value = ascii::trim(value);
  if (value.empty() || ascii::iequals(value, "7bit")) return Encoding::k7Bit;
  if (ascii::iequals(value, "8bit")) return Encoding::k8Bit;
  if (ascii::iequals(value, "binary")) return Encoding::kBinary;
  if (ascii::iequals(value, "quoted-printable")) return Encoding::kQuotedPrintable;
  if (ascii::iequals(value, "base64")) return Encoding::kBase64;
  return Encoding::kUnknown;
}

std::string_view to_string(Encoding encoding) {
  switch (encoding) {
    case Encoding::k8Bit:
      return "8bit";
    case Encoding::kBinary:
      return "binary";
    case Encoding::kQuotedPrintable:
      return "quoted-printable";
    case Encoding::kBase64:
      return "base64";
    case Encoding::k7Bit:
    case Encoding::kUnknown:
      break;
  }
  return "7bit";
}

void Decoder::write(std::string_view bytes, std::string& out) {
  if (encoding_ == Encoding::kBase64) {
    base64(bytes, out);
  } else if (encoding_ == Encoding::kQuotedPrintable) {
    quoted_printable(bytes, out);
  } else {
    out += bytes;
  }
}

void Decoder::base64(std::string_view bytes, std::string& out) {
  out.reserve(out.size() + bytes.size() / 4 * 3 + 3);
  while (!bytes.empty()) {
    if (held_ == 0 && !ended_) bytes.remove_prefix(append_base64_groups(bytes, out));
    if (bytes.empty()) break;
    const char c = bytes.front();
    bytes.remove_prefix(1);
    const std::uint8_t digit = kBase64Digits[static_cast<unsigned char>(c)];
    if (digit == kNoDigit) {
      if (c == '=') {
        ended_ = true;
      } else if (!ascii::is_space(c)) {
        damaged_ = true;
      }
      continue;
    }
    if (ended_) {  // text after the padding: two encoded pieces one after the other, which some senders make
      finish(out);
      damaged_ = true;
    }
    bits_ = bits_ << 6 | digit;
    if (++held_ == 4) {
      const char three[] = {static_cast<char>(bits_ >> 16), static_cast<char>(bits_ >> 8), static_cast<char>(bits_)};
      out.append(three, 3);
      held_ = 0;
      bits_ = 0;
    }
  }
}

void Decoder::quoted_printable(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    const std::size_t newline = bytes.find('\n');
    if (newline == std::string_view::npos) {
      line_ += bytes;
      return;
    }
    std::string_view line = bytes.substr(0, newline + 1);
    bytes.remove_prefix(newline + 1);
    if (!line_.empty()) {
      line_ += line;
      line = line_;
    }
    const std::size_t end = line.ends_with("\r\n") ? 2 : 1;
    quoted_printable_line(line.substr(0, line.size() - end), line.substr(line.size() - end), out);
    line_.clear();
  }
}

void Decoder::quoted_printable_line(std::string_view line, std::string_view end, std::string& out) {
  while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);  // RFC 2045 section 6.7, rule 3
  const bool soft = line.ends_with('=');
  if (soft) line.remove_suffix(1);
  for (;;) {
    const std::size_t escape = line.find('=');
    out += line.substr(0, escape);
    if (escape == std::string_view::npos) break;
    line.remove_prefix(escape);
    const int high = line.size() > 2 ? hex_digit(line[1]) : -1;
    const int low = line.size() > 2 ? hex_digit(line[2]) : -1;
    if (high < 0 || low < 0) {
      damaged_ = true;
      out.push_back('=');
      line.remove_prefix(1);
    } else {
      out.push_back(static_cast<char>(high * 16 + low));
      line.remove_prefix(3);
    }
  }
  if (!soft) out += end;
}

void Decoder::finish(std::string& out) {
  if (encoding_ == Encoding::kQuotedPrintable) {
    quoted_printable_line(line_, "", out);
    line_.clear();
  } else if (encoding_ == Encoding::kBase64) {
    if (held_ == 1) damaged_ = true;
    if (held_ == 2) out.push_back(static_cast<char>(bits_ >> 4));
    if (held_ == 3) {
      out.push_back(static_cast<char>(bits_ >> 10));
      out.push_back(static_cast<char>(bits_ >> 2));
    }
    held_ = 0;
    bits_ = 0;
    ended_ = false;
  }
}

std::string decode(Encoding encoding, std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  Decoder decoder(encoding);
  decoder.write(bytes, out);
  decoder.finish(out);
  return out;
}

std::string decode_prefix(Encoding encoding, std::string_view bytes, std::size_t limit) {
  const bool expands = encoding == Encoding::kBase64 || encoding == Encoding::kQuotedPrintable;
  std::string out = decode(encoding, bytes.substr(0, expands ? limit * 3 : limit));
  if (out.size() > limit) out.resize(limit);
  return out;
}

void append_base64(std::string& out, std::string_view bytes) {
  constexpr std::size_t kBytesPerLine = 57;
  out.reserve(out.size() + (bytes.size() + 2) / 3 * 4 + bytes.size() / kBytesPerLine * 2 + 2);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(kBytesPerLine, bytes.size())))
    out.append(base64_encode(bytes.substr(0, kBytesPerLine))).append("\r\n");
}

void append_quoted_printable(std::string& out, std::string_view text, bool binary) {
  constexpr std::size_t kLineLimit = 76;
  std::size_t column = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const std::string_view rest = text.substr(i);
    const std::size_t line_end = binary ? 0 : rest.starts_with("\r\n") ? 2 : c == '\n' ? 1 : 0;
    if (line_end > 0) {
      out += "\r\n";
      column = 0;
      i += line_end - 1;
      continue;
    }
    const std::string_view after = rest.substr(1);
    const bool at_line_end = after.empty() || (!binary && (after.starts_with("\r\n") || after.starts_with('\n')));
    const bool blank = (c == ' ' || c == '\t') && !at_line_end;
    // A dot or "From " at the front of a line does not survive every transport (RFC 2049 section 3), and two hyphens
    // there, perhaps after a break of ours, could be the boundary of a multipart around the text.
    const bool fragile = c == '.' || c == 'F' || rest.starts_with("--");
    const bool printable = blank || (c > 32 && c < 127 && c != '=');
    if (column + (printable ? 1 : 3) > kLineLimit - (at_line_end ? 0 : 1)) {
      out += "=\r\n";
      column = 0;
    }
    const bool plain = printable && !(fragile && column == 0);
    if (plain) {
      out.push_back(c);
    } else {
      append_hex(out, c);
    }
    column += plain ? 1 : 3;
  }
}

}  // namespace quartet::mime
