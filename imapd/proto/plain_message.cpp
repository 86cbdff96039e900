#include "imapd/proto/plain_message.h"

#include <algorithm>
#include <cstddef>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "common/base/ascii.h"
#include "imapd/proto/ascii_finder.h"

namespace quartet::imapd {
namespace {

/// Neither above 127, nor CR without LF, nor the beginning of an encoded word.
bool is_plain_pair(char c, char next) {
  return static_cast<unsigned char>(c) < 0x80 && (c != '\r' || next == '\n') && (c != '=' || next != '?');
}

#if defined(__SSE2__)
constexpr std::size_t kStep = 16;

/// Bits that are set in the top of octets that are not plain.
__m128i wrong_octets(const char* at) {
  const auto load = [at](std::size_t offset) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + offset)); };
  const auto is = [](__m128i octets, char c) { return _mm_cmpeq_epi8(octets, _mm_set1_epi8(c)); };
  const auto here = load(0);
  const auto next = load(1);
  const auto bare_cr = _mm_andnot_si128(is(next, '\n'), is(here, '\r'));
  const auto word = _mm_and_si128(is(here, '='), is(next, '?'));
  return _mm_or_si128(here, _mm_or_si128(bare_cr, word));
}
#endif

bool has_plain_octets(std::string_view text) {
  std::size_t at = 0;
#if defined(__SSE2__)
  for (; at + 4 * kStep < text.size(); at += 4 * kStep) {
    const char* const here = text.data() + at;
    const auto first = _mm_or_si128(wrong_octets(here), wrong_octets(here + kStep));
    const auto second = _mm_or_si128(wrong_octets(here + 2 * kStep), wrong_octets(here + 3 * kStep));
    if (_mm_movemask_epi8(_mm_or_si128(first, second)) != 0) return false;
  }
#endif
  for (; at < text.size(); ++at)
    if (!is_plain_pair(text[at], at + 1 < text.size() ? text[at + 1] : '\0')) return false;
  return true;
}

void skip_space(std::string_view& text) {
  while (!text.empty() && ascii::is_space(text.front())) text.remove_prefix(1);
}

bool take(std::string_view& text, char c) {
  skip_space(text);
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  skip_space(text);
  return true;
}

std::string_view word_of(std::string_view text) {
  constexpr std::string_view kEnds = " \t\r\n;\"";
  return text.substr(0, text.find_first_of(kEnds));
}

/// ": 7bit" and the like, and nothing behind it.
bool keeps_octets(std::string_view rest) {
  if (!take(rest, ':')) return false;
  constexpr std::string_view kNames[] = {"7bit", "8bit", "binary"};
  const auto name = word_of(rest);
  rest.remove_prefix(name.size());
  const bool ends = rest.empty() || rest.front() == '\r' || rest.front() == '\n';
  return ends && std::ranges::any_of(kNames, [name](std::string_view known) { return ascii::iequals(name, known); });
}

/// "=utf-8" and the like.
bool names_ascii_charset(std::string_view rest) {
  if (!take(rest, '=')) return false;
  if (rest.starts_with('"')) rest.remove_prefix(1);
  return keeps_ascii(word_of(rest));
}

/// Whether `good` is true of what follows each place where the text is.
template <typename F>
bool each_place(const AsciiFinder& text, std::size_t size, std::string_view message, F good) {
  for (auto at = text.find(message); at != std::string_view::npos; at = text.find(message, at + size))
    if (!good(message.substr(at + size))) return false;
  return true;
}

}  // namespace

bool keeps_ascii(std::string_view charset) {
  constexpr std::string_view kNames[] = {"",           "us-ascii", "ascii",  "utf-8", "utf8",    "latin1",
                                         "iso_8859-1", "cp1252",   "gb2312", "gbk",   "gb18030", "euc-kr"};
  constexpr std::string_view kFamilies[] = {"iso-8859-", "windows-125", "koi8-"};
  return std::ranges::any_of(kNames, [=](std::string_view name) { return ascii::iequals(charset, name); }) ||
         std::ranges::any_of(kFamilies, [=](std::string_view name) { return ascii::istarts_with(charset, name); });
}

bool is_plain(std::string_view message) {
  constexpr std::string_view kEncoding = "transfer-encoding";
  constexpr std::string_view kCharset = "charset";
  static const AsciiFinder encoding(kEncoding);
  static const AsciiFinder charset(kCharset);
  static const AsciiFinder extended_name("name*");
  return has_plain_octets(message) && each_place(encoding, kEncoding.size(), message, keeps_octets) &&
         each_place(charset, kCharset.size(), message, names_ascii_charset) && !extended_name.in(message);
}

}  // namespace quartet::imapd
