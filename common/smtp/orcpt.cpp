#include "common/smtp/orcpt.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "common/base/ascii.h"
#include "common/mime/charset.h"
#include "common/smtp/path.h"

namespace quartet::smtp {
namespace {

constexpr std::string_view kUtf8 = "utf-8";
constexpr std::size_t kLongest = 500;

bool is_type(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-/?^_`{|}~.";
  return !text.empty() && std::ranges::all_of(text, [&](char c) { return ascii::is_alnum(c) || kMarks.contains(c); });
}

/// Of type utf-8: no more than what needs no escape.
bool is_escaped(std::string_view text) {
  return mime::is_utf8(text) &&
         std::ranges::all_of(text, [](char c) { return (c & 0x80) != 0 || (c > 0x20 && c < 0x7F && c != '='); });
}

/// Takes off the character that well-formed UTF-8 begins with.
std::uint32_t take_code_point(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const auto size = lead < 0x80 ? 1U : static_cast<unsigned>(std::countl_one(lead));
  std::uint32_t out = lead < 0x80 ? lead : lead & (0x7FU >> size);
  for (unsigned i = 1; i < size; ++i) out = out << 6U | (static_cast<unsigned char>(text[i]) & 0x3FU);
  text.remove_prefix(size);
  return out;
}

/// With EmbeddedUnicodeChar in the place of what is not ASCII, or needs an escape of itself.
std::string escaped(std::string_view text, bool ascii, bool signs) {
  std::string out;
  while (!text.empty()) {
    const auto from = text;
    const auto point = take_code_point(text);
    const bool sign = point <= 0x20 || point == '+' || point == '=' || point == '\\' || point == 0x7F;
    if (point >= 0x80 ? ascii : signs && sign)
      out += fmt::format("\\x{{{:X}}}", point);
    else
      out += from.substr(0, from.size() - text.size());
  }
  return out;
}

}  // namespace

std::optional<std::string> printable_xtext(std::string_view value) {
  auto text = xtext_decode(value);
  const auto printable = [](char c) { return c >= 0x20 && c < 0x7F; };
  return text && std::ranges::all_of(*text, printable) ? text : std::nullopt;
}

std::string original_recipient(std::string_view address) {
  if (mime::is_ascii(address) || !mime::is_utf8(address)) return "rfc822;" + std::string(address);
  return std::string(kUtf8) + ';' + escaped(address, false, true);
}

std::optional<std::string> parse_orcpt(std::string_view value) {
  const auto semicolon = value.find(';');
  if (semicolon == std::string_view::npos || value.size() > kLongest) return std::nullopt;
  const auto type = value.substr(0, semicolon), address = value.substr(semicolon + 1);
  if (!is_type(type) || address.empty()) return std::nullopt;
  if (ascii::iequals(type, kUtf8) && is_escaped(address)) return std::string(value);
  const auto text = printable_xtext(address);
  if (!text || text->empty()) return std::nullopt;
  return std::string(type) + ';' + *text;
}

std::string orcpt_value(std::string_view orcpt, bool smtputf8) {
  const auto semicolon = orcpt.find(';');
  const auto type = orcpt.substr(0, semicolon), address = orcpt.substr(semicolon + 1);
  const bool international = ascii::iequals(type, kUtf8) && is_escaped(address);
  return std::string(type) + ';' + (international ? escaped(address, !smtputf8, false) : xtext_encode(address));
}

}  // namespace quartet::smtp
