#include "imapd/proto/writer.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "common/base/ascii.h"
#include "common/mime/charset.h"
#include "common/mime/date.h"
#include "common/mime/mutf7.h"
#include "imapd/proto/grammar.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kMaxQuoted = 1024;  // a longer text goes out as a literal, which clients read at once

bool can_be_quoted(std::string_view text, bool utf8) {
  if (text.size() > kMaxQuoted) return false;
  bool ascii = true;
  for (const char c : text) {
    if (c == '\r' || c == '\n' || c == '\0') return false;
    if (static_cast<unsigned char>(c) >= 0x80) ascii = false;
  }
  return ascii || (utf8 && mime::is_utf8(text));
}

}  // namespace

bool is_atom(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_atom_char); }

void append_quoted(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), number).ptr;
  out.append(digits, end);
}

void append_char8(std::string& out, std::string_view bytes) {
  const auto begin = static_cast<std::ptrdiff_t>(out.size());
  out += bytes;
  if (bytes.contains('\0')) std::replace(out.begin() + begin, out.end(), '\0', '?');
}

void append_literal(std::string& out, std::string_view bytes) {
  out.append("{").append(std::to_string(bytes.size())).append("}\r\n").append(bytes);
}

void append_literal8(std::string& out, std::string_view bytes) {
  out.push_back('~');
  append_literal(out, bytes);
}

void append_string(std::string& out, std::string_view text, bool utf8) {
  if (text.contains('\0')) {
    std::string without(text);
    std::ranges::replace(without, '\0', '?');
    return append_string(out, without, utf8);
  }
  if (can_be_quoted(text, utf8)) {
    append_quoted(out, text);
  } else {
    append_literal(out, text);
  }
}

void append_nstring(std::string& out, std::optional<std::string_view> text, bool utf8) {
  if (!text) {
    out += "NIL";
  } else {
    append_string(out, *text, utf8);
  }
}

void append_astring(std::string& out, std::string_view text, bool utf8) {
  // An atom "NIL" would read as no string at all.
  if (is_atom(text) && text.size() <= kMaxQuoted && !ascii::iequals(text, "NIL")) {
    out += text;
  } else {
    append_string(out, text, utf8);
  }
}

void append_mailbox_name(std::string& out, std::string_view name, bool utf8) {
  if (utf8) {
    append_astring(out, name, true);
  } else {
    append_astring(out, mime::to_mutf7(name));
  }
}

void append_date_time(std::string& out, WallTime time) {
  out.append("\"").append(mime::format_imap_date_time(time)).append("\"");
}

void append_flags(std::string& out, std::span<const std::string> flags) {
  out.push_back('(');
  for (const auto& flag : flags) {
    if (!out.ends_with('(')) out.push_back(' ');
    out += flag;
  }
  out.push_back(')');
}

void append_fetch(std::string& out, std::size_t number, std::uint32_t uid, bool uidonly) {
  out += "* ";
  append_number(out, uidonly ? uid : number);
  out += uidonly ? " UIDFETCH (" : " FETCH (";
}

void append_text(std::string& out, std::string_view text) {
  for (const char c : text) out.push_back(c >= ' ' && c < '\x7F' ? c : '?');
}

}  // namespace quartet::imapd
