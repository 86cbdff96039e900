#include "common/mime/charset.h"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
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
      {"x-euc-jp", "EUC-JP"},      {"tis-620", "CP874"},
      {"x-mac-roman", "MACINTOSH"}};
  for (const auto& [alias, name] : kAliases)
    if (ascii::iequals(charset, alias)) return std::string(name);
  if (charset.empty() || charset.size() > 40) return {};
  // iconv takes "//TRANSLIT" and file paths in some places; a charset name has letters, digits and a few marks.
  for (const char c : charset)
    if (!ascii::is_alnum(c) && std::string_view("-_.:+").find(c) == std::string_view::npos) return {};
  return std::string(charset);
}

struct CloseIconv {
  void operator()(void* handle) const { iconv_close(handle); }
};
using Converter = std::unique_ptr<void, CloseIconv>;

/// To open a converter loads tables, so each thread keeps the last few.
iconv_t converter(std::string_view charset) {
  struct Slot {
    std::string charset;
    Converter handle;
  };
  thread_local std::array<Slot, 8> slots;
  thread_local std::size_t next = 0;
  for (const Slot& slot : slots)
    if (slot.handle && ascii::iequals(slot.charset, charset)) return slot.handle.get();
  const std::string name = iconv_name(charset);
  if (name.empty()) return nullptr;
  const iconv_t handle = iconv_open("UTF-8", name.c_str());
  if (handle == reinterpret_cast<iconv_t>(-1)) return nullptr;
  Slot& slot = slots[next++ % slots.size()];
  slot = {std::string(charset), Converter(handle)};
  return handle;
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
