#include "common/mime/mutf7.h"

#include <algorithm>
#include <cstdint>

namespace quartet::mime {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

constexpr bool is_direct(char32_t c) { return c >= 0x20 && c <= 0x7E; }

/// The code point at the front of valid UTF-8, which is taken away.
char32_t take_code_point(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  char32_t c = size == 1 ? lead : lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size && i < text.size(); ++i)
    c = (c << 6) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  text.remove_prefix(std::min(size, text.size()));
  return c;
}

void append_code_point(std::string& out, char32_t c) {
  const auto put = [&out](char32_t octet) { out.push_back(static_cast<char>(octet)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | (c >> 6));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

/// UTF-16 in base64, big-endian, without padding.
class Encoder {
 public:
  explicit Encoder(std::string& out) : out_(out) {}
  void put(char32_t c) {
    if (c >= 0x10000) {
      put_unit(0xD800 + ((c - 0x10000) >> 10));
      c = 0xDC00 + ((c - 0x10000) & 0x3FF);
    }
    put_unit(c);
  }
  void finish() {
    if (bits_ > 0) out_.push_back(kAlphabet[(pending_ << (6 - bits_)) & 0x3F]);
  }

 private:
  void put_unit(char32_t unit) {
    pending_ = (pending_ << 16) | unit;
    for (bits_ += 16; bits_ >= 6; bits_ -= 6) out_.push_back(kAlphabet[(pending_ >> (bits_ - 6)) & 0x3F]);
    pending_ &= (1U << bits_) - 1;
  }

  std::string& out_;
  std::uint32_t pending_ = 0;
  int bits_ = 0;
};

/// What stands between "&" and "-"; false if it is not the one spelling of what it says.
bool decode_base64(std::string& out, std::string_view text) {
  std::uint32_t pending = 0;
  int bits = 0;
  char32_t high = 0;
  for (const char c : text) {
    const auto value = kAlphabet.find(c);
    if (value == std::string_view::npos) return false;
    pending = (pending << 6) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 16) continue;
    bits -= 16;
    const char32_t unit = pending >> bits;
    pending &= (1U << bits) - 1;
    const bool low = unit >= 0xDC00 && unit <= 0xDFFF;
    if (low != (high != 0)) return false;
    if (unit >= 0xD800 && unit <= 0xDBFF) {
      high = unit;
      continue;
    }
    const char32_t decoded = low ? 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00) : unit;
    // RFC 3501 section 5.1.3: what can stand for itself must; and NUL is nowhere allowed.
    if (is_direct(decoded) || decoded == 0) return false;
    append_code_point(out, decoded);
    high = 0;
  }
  return bits < 6 && pending == 0 && high == 0;
}

}  // namespace

std::string to_mutf7(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    auto rest = name;
    auto c = take_code_point(rest);
    if (is_direct(c)) {
      out.push_back(static_cast<char>(c));
      if (c == '&') out.push_back('-');
      name = rest;
      continue;
    }
    out.push_back('&');
    Encoder encoder(out);
    for (; !is_direct(c); c = take_code_point(rest)) {
      encoder.put(c);
      name = rest;
      if (name.empty()) break;
    }
    encoder.finish();
    out.push_back('-');
  }
  return out;
}

std::optional<std::string> from_mutf7(std::string_view text) {
  std::string out;
  bool after_base64 = false;
  while (!text.empty()) {
    const char c = text.front();
    if (!is_direct(static_cast<unsigned char>(c))) return std::nullopt;
    text.remove_prefix(1);
    if (c != '&') {
      out.push_back(c);
      after_base64 = false;
      continue;
    }
    const auto end = text.find('-');
    if (end == std::string_view::npos) return std::nullopt;
    if (end == 0) {
      out.push_back('&');
      after_base64 = false;
    } else {
      if (after_base64 || !decode_base64(out, text.substr(0, end))) return std::nullopt;
      after_base64 = true;
    }
    text.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace quartet::mime
