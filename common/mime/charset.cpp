#include "common/mime/charset.h"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "common/base/ascii.h"

namespace quartet::mime {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

void append_code_point(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (c >> 6)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xE0 | (c >> 12)));
    out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

/// Windows-1252 is what mail labelled ISO-8859-1 really holds: 0x80 to 0x9F are printable there and controls here.
void append_windows_1252(std::string& out, std::string_view bytes) {
  static constexpr std::array<std::uint16_t, 32> kHigh = {
      0x20AC, 0xFFFD, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
      0x2039, 0x0152, 0xFFFD, 0x017D, 0xFFFD, 0xFFFD, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
      0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0xFFFD, 0x017E, 0x0178};
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    append_code_point(out, byte >= 0x80 && byte < 0xA0 ? kHigh[byte - 0x80] : byte);
  }
}

/// The length of the well-formed UTF-8 sequence at the front (Unicode table 3-7), 0 if there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  const unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  return length;
}

void append_checked_utf8(std::string& out, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = sequence_length(bytes);
    out += length == 0 ? kReplacement : bytes.substr(0, length);
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

void append_guessed(std::string& out, std::string_view bytes) {
  if (is_utf8(bytes)) {
    out += bytes;
  } else {
    append_windows_1252(out, bytes);
  }
}

/// The name iconv knows for names that mail uses; "" for what must not reach iconv.
std::string iconv_name(std::string_view charset) {
  static constexpr std::pair<std::string_view, std::string_view> kAliases[] = {
      {"gb2312", "GB18030"},       {"gbk", "GB18030"},
      {"ks_c_5601-1987", "CP949"}, {"euc-kr", "CP949"},
      {"x-sjis", "CP932"},         {"shift_jis", "CP932"},
      {"shift-jis", "CP932"},      {"iso-8859-8-i", "ISO-8859-8"},
      {"x-gbk", "GB18030"},        {"unicode-1-1-utf-7", "UTF-7"},
      {"big5", "BIG5-HKSCS"},      {"iso-2022-jp", "ISO-2022-JP-3"},
      {"x-euc-jp", "EUC-JP-MS"},   {"tis-620", "CP874"},
      {"euc-jp", "EUC-JP-MS"},     {"iso-8859-8-e", "ISO-8859-8"},
      {"x-mac-roman", "MACINTOSH"}};
  for (const auto& [alias, name] : kAliases)
    if (ascii::iequals(charset, alias)) return std::string(name);
  if (charset.empty() || charset.size() > 40) return {};
  // iconv takes "//TRANSLIT" and file paths in some places; a charset name has letters, digits and a few marks.
  for (const char c : charset)
    if (!ascii::is_alnum(c) && std::string_view("-_.:+").find(c) == std::string_view::npos) return {};
  return std::string(charset);
}

/// A set of characters of ISO-2022-JP.
struct JapaneseSet {
  std::string_view escape;  // which begins it
  std::size_t octets;       // of a character; 0: it is ASCII
};
constexpr JapaneseSet kJapaneseSets[] = {{"\x1B(B", 0}, {"\x1B(J", 0}, {"\x1B$B", 2}, {"\x1B$@", 2}, {"\x1B(I", 1}};

/// The octets of JIS X 0208 in 7 bits as those of Shift_JIS, or of its half width letters.
void append_shift_jis(std::string& out, std::string_view character) {
  const auto row = static_cast<unsigned char>(character.front());
  if (character.size() == 1) {
    out.push_back(static_cast<char>(row | 0x80));
    return;
  }
  const auto cell = static_cast<unsigned char>(character[1]);
  const bool odd = row % 2 == 1;
  out.push_back(static_cast<char>((row + 1) / 2 + (row < 0x5F ? 0x70 : 0xB0)));
  out.push_back(static_cast<char>(odd ? cell + (cell < 0x60 ? 0x1F : 0x20) : cell + 0x7E));
}

/// ISO-2022-JP as Shift_JIS, whose converter knows the circled digits, company marks and letters of names that vendors
/// have added and that mail is full of. Those for ISO-2022-JP do not, and lose the character behind such a one as well.
/// nullopt: there are other sets in it.
std::optional<std::string> to_shift_jis(std::string_view bytes) {
  std::string out;
  const JapaneseSet* set = kJapaneseSets;
  const auto graphic = [](char c) { return c > 32 && c < 127; };
  while (!bytes.empty()) {
    if (bytes.front() == '\x1B') {
      set = std::ranges::find_if(kJapaneseSets, [bytes](const auto& one) { return bytes.starts_with(one.escape); });
      if (set == std::end(kJapaneseSets)) return std::nullopt;
      bytes.remove_prefix(set->escape.size());
      continue;
    }
    if (bytes.front() == '\n') set = kJapaneseSets;  // RFC 1468: each line begins in ASCII
    const auto character = bytes.substr(0, std::max<std::size_t>(set->octets, 1));
    const bool shifted = character.size() == set->octets && std::ranges::all_of(character, graphic);
    if (shifted) {
      append_shift_jis(out, character);
    } else {
      out.push_back(bytes.front());
    }
    bytes.remove_prefix(shifted ? character.size() : 1);
  }
  return out;
}

struct CloseIconv {
  void operator()(void* handle) const { iconv_close(handle); }
};
using Converter = std::unique_ptr<void, CloseIconv>;

/// To open a converter loads a library, which takes a millisecond where none of the kind is open. So each thread keeps
/// those it has had: else a header that names one charset after the other would take a minute. iconv knows some 1200
/// names; a converter of each takes 5 MB.
iconv_t converter(std::string_view charset) {
  thread_local std::map<std::string, Converter, std::less<>> opened;
  const std::string name = ascii::upper(iconv_name(charset));
  if (name.empty()) return nullptr;
  if (const auto found = opened.find(name); found != opened.end()) return found->second.get();
  const iconv_t handle = iconv_open("UTF-8", name.c_str());
  if (handle == reinterpret_cast<iconv_t>(-1)) return nullptr;
  constexpr std::size_t kMost = 2000;  // more than iconv has names
  if (opened.size() >= kMost) opened.clear();
  return opened.emplace(name, Converter(handle)).first->second.get();
}

void append_converted(std::string& out, std::string_view bytes, iconv_t handle) {
  iconv(handle, nullptr, nullptr, nullptr, nullptr);  // a converter may be left in a shifted state
  std::string source(bytes);
  char* in = source.data();
  std::size_t left = source.size();
  std::array<char, 4096> buffer;
  bool flushed = false;
  while (left > 0 || !flushed) {
    char* to = buffer.data();
    std::size_t room = buffer.size();
    const bool flush = left == 0;
    const std::size_t done =
        flush ? iconv(handle, nullptr, nullptr, &to, &room) : iconv(handle, &in, &left, &to, &room);
    const int error = errno;
    out.append(buffer.data(), static_cast<std::size_t>(to - buffer.data()));
    if (done != static_cast<std::size_t>(-1)) {
      flushed = flush;
    } else if (error != E2BIG) {
      if (flush) break;
      out += kReplacement;
      if (error == EINVAL) break;  // cut within a character
      ++in;
      --left;
    }
  }
}

enum class Fast { kAscii, kUtf8, kLatin1, kNo };
Fast fast_path(std::string_view charset) {
  if (charset.empty() || ascii::iequals(charset, "us-ascii") || ascii::iequals(charset, "ascii")) return Fast::kAscii;
  if (ascii::iequals(charset, "utf-8") || ascii::iequals(charset, "utf8")) return Fast::kUtf8;
  if (ascii::iequals(charset, "iso-8859-1") || ascii::iequals(charset, "windows-1252") ||
      ascii::iequals(charset, "latin1") || ascii::iequals(charset, "iso_8859-1") || ascii::iequals(charset, "cp1252"))
    return Fast::kLatin1;
  return Fast::kNo;
}

}  // namespace

bool charset_known(std::string_view charset) {
  return fast_path(charset) != Fast::kNo || converter(charset) != nullptr;
}

void append_utf8(std::string& out, std::string_view bytes, std::string_view charset) {
  const Fast fast = fast_path(charset);
  if (fast != Fast::kNo && is_ascii(bytes)) {
    out += bytes;
    return;
  }
  switch (fast) {
    case Fast::kAscii:
      return append_guessed(out, bytes);
    case Fast::kUtf8:
      return append_checked_utf8(out, bytes);
    case Fast::kLatin1:
      return append_windows_1252(out, bytes);
    case Fast::kNo:
      break;
  }
  if (ascii::iequals(charset, "iso-2022-jp")) {
    if (const auto shifted = to_shift_jis(bytes)) return append_utf8(out, *shifted, "shift_jis");
  }
  if (const iconv_t handle = converter(charset)) {
    append_converted(out, bytes, handle);
  } else {
    append_guessed(out, bytes);
  }
}

std::string to_utf8(std::string_view bytes, std::string_view charset) {
  std::string out;
  append_utf8(out, bytes, charset);
  return out;
}

bool is_ascii(std::string_view bytes) {
  std::uint64_t seen = 0;
  while (bytes.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    seen |= word;
    bytes.remove_prefix(8);
  }
  for (const char c : bytes) seen |= static_cast<unsigned char>(c);
  return (seen & 0x8080808080808080U) == 0;
}

bool is_utf8(std::string_view bytes) {
  if (is_ascii(bytes)) return true;
  while (!bytes.empty()) {
    const std::size_t length = sequence_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

}  // namespace quartet::mime
