#include "common/mime/casemap.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>
#include <unicode/uversion.h>

#include <algorithm>
#include <array>

#include "common/base/ascii.h"
#include "common/mime/charset.h"

namespace quartet::mime {
namespace {

std::u16string to_utf16(std::string_view utf8) {
  std::u16string out(utf8.size(), u'\0');
  std::int32_t length = 0;
  UErrorCode error = U_ZERO_ERROR;
  u_strFromUTF8WithSub(out.data(), static_cast<std::int32_t>(out.size()), &length, utf8.data(),
                       static_cast<std::int32_t>(utf8.size()), 0xFFFD, nullptr, &error);
  out.resize(U_SUCCESS(error) ? static_cast<std::size_t>(length) : 0);
  return out;
}

std::string to_utf8(const std::u16string& text) {
  std::string out(text.size() * 3, '\0');
  std::int32_t length = 0;
  UErrorCode error = U_ZERO_ERROR;
  u_strToUTF8(out.data(), static_cast<std::int32_t>(out.size()), &length, text.data(),
              static_cast<std::int32_t>(text.size()), &error);
  out.resize(U_SUCCESS(error) ? static_cast<std::size_t>(length) : 0);
  return out;
}

std::u16string normalise(const std::u16string& text, const UNormalizer2* form) {
  UErrorCode error = U_ZERO_ERROR;
  std::u16string out(text.size() + text.size() / 4 + 16, u'\0');
  for (;;) {
    error = U_ZERO_ERROR;
    const auto length = unorm2_normalize(form, text.data(), static_cast<std::int32_t>(text.size()), out.data(),
                                         static_cast<std::int32_t>(out.size()), &error);
    out.resize(static_cast<std::size_t>(std::max(length, 0)));
    if (error == U_BUFFER_OVERFLOW_ERROR) continue;
    return U_SUCCESS(error) ? out : text;
  }
}

/// Long texts in pieces: ICU counts in 32 bits, and it puts marks that follow one another in order in a time that is as
/// the square of their number, of which a hostile text has millions.
constexpr std::size_t kPiece = 2 * 1024;

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

/// Whether a text may be cut before what `rest` begins with, and the pieces give what the whole would: no mark of the
/// piece before it can act on that.
bool is_boundary(std::string_view rest) {
  if (static_cast<unsigned char>(rest.front()) < 0x80) return true;
  if (!begins_character(rest.front())) return false;
  UChar32 character = 0;
  std::size_t size = 0;
  U8_NEXT_OR_FFFD(rest.data(), size, rest.size(), character);
  UErrorCode error = U_ZERO_ERROR;
  return unorm2_hasBoundaryBefore(unorm2_getNFKDInstance(&error), u_totitle(character)) != 0;
}

std::string_view take_piece(std::string_view& text) {
  auto size = std::min(kPiece, text.size());
  if (size < text.size()) {
    while (size > kPiece / 2 && !is_boundary(text.substr(size))) --size;
    // There is none, which no text of people is like: at least not inside a character.
    if (size == kPiece / 2)
      while (size > kPiece / 2 - 4 && !begins_character(text[size])) --size;
  }
  const auto piece = text.substr(0, size);
  text.remove_prefix(size);
  return piece;
}

void append_character(UChar32 character, std::string& out) {
  std::array<char, U8_MAX_LENGTH> octets;
  std::size_t count = 0;
  U8_APPEND_UNSAFE(octets, count, character);
  out.append(octets.data(), count);
}

}  // namespace

std::string casemap(std::string_view utf8) {
  if (is_ascii(utf8)) return ascii::upper(utf8);
  UErrorCode error = U_ZERO_ERROR;
  const auto* const form = unorm2_getNFKDInstance(&error);
  std::string out;
  while (!utf8.empty()) {
    std::u16string title;
    const auto text = to_utf16(take_piece(utf8));
    const auto size = static_cast<std::int32_t>(text.size());
    for (std::int32_t n = 0; n < size;) {
      UChar32 character = 0;
      U16_NEXT(text.data(), n, size, character);
      character = u_totitle(character);
      if (U_IS_SUPPLEMENTARY(character)) title += U16_LEAD(character);
      title += static_cast<char16_t>(U_IS_SUPPLEMENTARY(character) ? U16_TRAIL(character) : character);
    }
    out += to_utf8(normalise(title, form));
  }
  return out;
}

void append_casemap(std::string_view& utf8, std::string& out) {
  UChar32 character = 0;
  std::size_t size = 0;
  U8_NEXT_OR_FFFD(utf8.data(), size, utf8.size(), character);
  utf8.remove_prefix(size);
  character = u_totitle(character);
  UErrorCode error = U_ZERO_ERROR;
  constexpr std::int32_t kLongest = 32;  // no decomposition has more than 18
  std::array<char16_t, kLongest> apart;
  const auto length =
      unorm2_getDecomposition(unorm2_getNFKDInstance(&error), character, apart.data(), kLongest, &error);
  if (length < 0 || U_FAILURE(error)) return append_character(character, out);
  for (std::int32_t n = 0; n < length;) {
    U16_NEXT(apart.data(), n, length, character);
    append_character(character, out);
  }
}

std::uint32_t casemap_version() {
  UVersionInfo icu;
  u_getVersion(icu);
  return std::uint32_t{icu[0]} << 8 | icu[1];
}

}  // namespace quartet::mime
