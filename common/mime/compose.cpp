#include "common/mime/compose.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/base/ascii.h"
#include "common/base/utf8.h"
#include "common/mime/address.h"
#include "common/mime/builder.h"
#include "common/mime/charset.h"
#include "common/mime/encoded_word.h"
#include "common/mime/lexer.h"
#include "common/mime/lines.h"
#include "common/mime/transfer.h"

namespace quartet::mime {
namespace {

/// FNV-1a: no secret is kept by it, a clash is looked for.
std::uint64_t hash(std::span<const std::string_view> pieces) {
  std::uint64_t value = 0xcbf29ce484222325U;
  for (const std::string_view piece : pieces) {
    for (const char c : piece) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    value = (value ^ 0x100U) * 0x100000001b3U;
  }
  return value;
}

/// CRLF line ends out of CRLF, LF or CR, and one at the end.
std::string canonical(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 32 + 2);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (text[i] == '\r' || text[i] == '\n') {
      out += "\r\n";
    } else {
      out.push_back(text[i]);
    }
  }
  if (!out.empty() && !out.ends_with("\r\n")) out += "\r\n";
  return out;
}

/// RFC 2231 sections 3 and 4: each piece short enough for a line of its own, cut between characters.
void append_encoded_parameter(std::string& out, std::string_view name, std::string_view value) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::vector<std::string> pieces(1, "utf-8''");
  for (std::string_view rest = value; !rest.empty();) {
    const std::string_view character = utf8::first(rest, 1);
    std::string encoded;
    for (const char c : character) {
      const auto byte = static_cast<unsigned char>(c);
      if (ascii::is_alnum(c) || c == '.' || c == '-' || c == '_') {
        encoded.push_back(c);
      } else {
        encoded.append("%").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
      }
    }
    if (pieces.back().size() + encoded.size() > 56) pieces.emplace_back();
    pieces.back() += encoded;
    rest.remove_prefix(character.size());
  }
  out.append(";\r\n ").append(name);
  if (pieces.size() == 1) {
    out.append("*=").append(pieces.front());
    return;
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (i > 0) out.append(";\r\n ").append(name);
    out.append("*").append(std::to_string(i)).append("*=").append(pieces[i]);
  }
}

}  // namespace

std::string on_one_line(std::string_view text) {
  const auto ends_it = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  std::string out(text);
  std::ranges::replace_if(out, ends_it, ' ');
  return out;
}

std::string pick_boundary(std::span<const std::string_view> pieces) {
  constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuv";
  for (std::uint64_t value = hash(pieces);; ++value) {
    std::string boundary = "=_";  // occurs in no quoted-printable or base64 text (RFC 2045 section 6.7)
    for (int shift = 0; shift < 64; shift += 5) boundary.push_back(kDigits[value >> shift & 31]);
    if (std::ranges::none_of(pieces, [&](std::string_view piece) { return piece.contains(boundary); })) return boundary;
  }
}

void append_text_entity(std::string& out, std::string_view text) {
  const std::string body = canonical(text);
  if (scan_lines(body).seven_bit()) {
    out += "Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n";
    out += body;
    return;
  }
  out += "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
  append_quoted_printable(out, to_utf8(body, "utf-8"));
}

void append_address_field(std::string& out, std::string_view name, std::string_view value) {
  if (is_ascii(value)) return append_field(out, name, value);
  std::string text;
  bool first = true;
  for (const Address& address : parse_addresses(value)) {
    if (address.kind == Address::Kind::kGroupEnd) {
      text += ";";
      first = false;
      continue;
    }
    if (!first) text += ", ";
    first = address.kind == Address::Kind::kGroupStart;
    if (first) {
      const std::string encoded = encode_words_unfolded(address.name);
      const bool atoms = std::ranges::all_of(encoded, [](char c) { return c == ' ' || is_atext(c); });
      text.append(atoms || encoded != address.name ? encoded : quote(encoded)).append(": ");
    } else {
      text += format_mailbox(address.name, address.address());
    }
  }
  append_field(out, name, text);
}

bool is_address_field(std::string_view name) {
  constexpr std::string_view kNames[] = {"From",        "Sender",    "Reply-To",  "To",         "Cc",           "Bcc",
                                         "Resent-From", "Resent-To", "Resent-Cc", "Resent-Bcc", "Resent-Sender"};
  return std::ranges::any_of(kNames, [name](std::string_view known) { return ascii::iequals(known, name); });
}

void append_parameter(std::string& out, std::string_view name, std::string_view value) {
  const bool plain =
      value.size() <= 60 && is_ascii(value) && std::ranges::none_of(value, [](char c) { return c < 32 || c == 127; });
  if (!plain) return append_encoded_parameter(out, name, value);
  out.append(";\r\n ").append(name).append("=").append(quote(value));
}

void append_text_field(std::string& out, std::string_view name, std::string_view value) {
  const auto clean = on_one_line(value);
  const std::string encoded = encode_words(clean, name.size() + 2);
  if (encoded == clean) return append_field(out, name, clean);
  out.append(name).append(": ").append(encoded).append("\r\n");
}

}  // namespace quartet::mime
