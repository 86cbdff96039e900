#include "common/mime/encoded_word.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/base/utf8.h"
#include "common/mime/charset.h"
#include "common/mime/header.h"
#include "common/mime/transfer.h"

namespace quartet::mime {
namespace {

int hex_digit(char c) {
  if (ascii::is_digit(c)) return c - '0';
  const char lower = ascii::to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string decode_q(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '=' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i] == '_' ? ' ' : text[i]);
    }
  }
  return out;
}

struct Word {
  std::string charset;
  std::string bytes;
  std::size_t size = 0;  // of the encoded form
};

/// The encoded word at the front of `text`. Spaces inside the encoded text are let pass, as many senders leave them.
std::optional<Word> take_word(std::string_view text) {
  if (!text.starts_with("=?")) return std::nullopt;
  const std::size_t charset_end = text.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end == 2 || charset_end + 2 >= text.size() ||
      text[charset_end + 2] != '?')
    return std::nullopt;
  const char encoding = ascii::to_lower(text[charset_end + 1]);
  if (encoding != 'b' && encoding != 'q') return std::nullopt;
  std::string_view charset = text.substr(2, charset_end - 2);
  charset = charset.substr(0, charset.find('*'));
  if (charset.find_first_of(" \t=") != std::string_view::npos || !charset_known(charset)) return std::nullopt;
  // Last: the end may be far away, and what is none for another reason is not to be looked through for it.
  const std::size_t begin = charset_end + 3;
  const std::size_t end = text.find("?=", begin);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view encoded = text.substr(begin, end - begin);
  return Word{std::string(charset), encoding == 'b' ? decode(Encoding::kBase64, encoded) : decode_q(encoded), end + 2};
}

constexpr std::size_t kWordLimit = 75;  // RFC 2047 section 2
constexpr std::size_t kLineLimit = 76;
constexpr std::string_view kPrefixB = "=?utf-8?b?";
constexpr std::string_view kPrefixQ = "=?utf-8?q?";
constexpr std::size_t kOverhead = 12;  // prefix and "?="

/// What may stand for itself in a Q word inside a phrase, the strictest place (RFC 2047 section 5).
bool plain_in_q(char c) { return ascii::is_alnum(c) || c == '!' || c == '*' || c == '+' || c == '-' || c == '/'; }

std::size_t q_size(std::string_view text) {
  std::size_t size = 0;
  for (const char c : text) size += plain_in_q(c) || c == ' ' ? 1 : 3;
  return size;
}

std::size_t b_size(std::string_view text) { return (text.size() + 2) / 3 * 4; }

std::string encode_q(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (plain_in_q(c)) {
      out.push_back(c);
    } else if (c == ' ') {
      out.push_back('_');
    } else {
      out.push_back('=');
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
  return out;
}

bool needs_encoding(std::string_view text) {
  return text.contains("=?") || std::ranges::any_of(text, [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return (byte < 32 && c != '\t') || byte >= 127;
         });
}

std::string encode_words_with(std::string_view text, std::string_view separator, std::size_t column) {
  if (!needs_encoding(text)) return std::string(text);
  std::string clean;
  append_utf8(clean, text, "utf-8");
  const auto breaks = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  std::ranges::replace_if(clean, breaks, ' ');
  const bool base64 = b_size(clean) < q_size(clean);
  const auto size_of = base64 ? b_size : q_size;
  std::string out;
  std::string_view rest = clean;
  while (!rest.empty()) {
    const std::size_t line_room = kLineLimit > column + kOverhead + 12 ? kLineLimit - column : kWordLimit;
    const std::size_t room = std::min(kWordLimit, line_room) - kOverhead;
    std::size_t take = utf8::first(rest, 1).size();
    for (;;) {
      const std::size_t more = take + utf8::first(rest.substr(take), 1).size();
      if (more == take || size_of(rest.substr(0, more)) > room) break;
      take = more;
    }
    if (!out.empty()) out += separator;
    out += base64 ? kPrefixB : kPrefixQ;
    out += base64 ? base64_encode(rest.substr(0, take)) : encode_q(rest.substr(0, take));
    out += "?=";
    rest.remove_prefix(take);
    column = 1;
  }
  return out;
}

/// As unfold(), but a fold is one space. RFC 5322 section 2.2.3 leaves the white space there as it is; a tab, with
/// which many senders fold, is none that anybody would look for.
std::string_view unfold_to_space(std::string_view value, std::string& storage) {
  value = ascii::trim(value);
  if (value.find_first_of("\r\n") == std::string_view::npos) return value;
  storage.clear();
  for (;;) {
    const std::string_view line = value.substr(0, value.find_first_of("\r\n"));
    storage += ascii::trim(line);
    value.remove_prefix(line.size());
    if (value.empty()) return storage;
    value = ascii::trim(value);
    storage.push_back(' ');
  }
}

}  // namespace

std::string decode_words(std::string_view value) {
  std::string storage;
  const std::string_view text = unfold_to_space(value, storage);
  if (!text.contains("=?") && is_ascii(text)) return std::string(text);
  // No word begins behind it: where many begin and none ends, each would be looked for up to the end of the text.
  const std::size_t last_end = text.rfind("?=");
  std::string out;
  Word pending;  // words in a row with the same charset are decoded together: some senders cut characters
  bool after_word = false;
  std::size_t plain = 0;  // where text that is no encoded word begins
  const auto flush = [&] {
    append_utf8(out, pending.bytes, pending.charset);
    pending = {};
  };
  for (std::size_t at = text.find("=?"); at != std::string_view::npos; at = text.find("=?", at)) {
    if (last_end == std::string_view::npos || at > last_end) break;
    auto word = take_word(text.substr(at));
    if (!word) {
      at += 2;
      continue;
    }
    const std::string_view between = text.substr(plain, at - plain);
    const bool joined = after_word && ascii::trim(between).empty();
    if (!joined || !ascii::iequals(pending.charset, word->charset)) flush();
    if (!joined) append_utf8(out, between, "");
    pending.bytes += word->bytes;
    pending.charset = std::move(word->charset);
    after_word = true;
    at += word->size;
    plain = at;
  }
  flush();
  append_utf8(out, text.substr(plain), "");
  return out;
}

std::string encode_words(std::string_view text, std::size_t column) { return encode_words_with(text, "\r\n ", column); }

std::string encode_words_unfolded(std::string_view text) { return encode_words_with(text, " ", 0); }

}  // namespace quartet::mime
