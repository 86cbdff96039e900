// Mailbox names: RFC 9051 section 5.1, Net-Unicode (RFC 5198).
#include "common/store/names.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include "common/base/ascii.h"
#include "common/store/store.h"

namespace quartet::store {
namespace {

constexpr std::size_t kMaxName = 1000;
constexpr std::size_t kMaxLevel = 255;
constexpr std::size_t kMaxDepth = 64;

std::unexpected<StoreError> invalid(const char* why) {
  return std::unexpected(StoreError{ErrorCode::kInvalidName, why});
}

bool is_plain_ascii(std::string_view name) {
  for (const char c : name)
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  return true;
}

/// Well-formed UTF-8 without control characters and line separators, which no client could show.
bool is_printable_utf8(std::string_view name) {
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(name.data());
  const auto size = static_cast<std::int32_t>(name.size());
  for (std::int32_t i = 0; i < size;) {
    UChar32 c = 0;
    U8_NEXT(bytes, i, size, c);
    if (c < 0 || u_iscntrl(c) || c == 0x2028 || c == 0x2029) return false;
  }
  return true;
}

std::expected<std::string, StoreError> normalized(std::string_view name) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* const nfc = icu::Normalizer2::getNFCInstance(status);
  std::string out;
  if (U_SUCCESS(status)) {
    icu::StringByteSink<std::string> sink(&out);
    nfc->normalizeUTF8(0, icu::StringPiece(name.data(), static_cast<std::int32_t>(name.size())), sink, nullptr, status);
  }
  if (U_FAILURE(status)) return invalid("cannot be normalized");
  return out;
}

}  // namespace

std::string composed(std::string_view text) {
  if (is_plain_ascii(text)) return std::string(text);
  return normalized(text).value_or(std::string(text));
}

std::expected<std::string, StoreError> canonical_name(std::string_view name) {
  if (name.empty()) return invalid("empty");
  if (name.size() > kMaxName) return invalid("too long");
  if (!is_printable_utf8(name)) return invalid("not UTF-8, or with control characters");
  std::string result;
  if (is_plain_ascii(name)) {
    result = name;
  } else {
    auto composed = normalized(name);
    if (!composed) return composed;
    result = std::move(*composed);
  }
  const auto levels = ascii::split(result, '/');
  if (levels.size() > kMaxDepth) return invalid("too many levels");
  for (const std::string_view level : levels) {
    if (level.empty()) return invalid("empty level");
    if (level.size() > kMaxLevel) return invalid("a level is too long");
  }
  if (ascii::iequals(levels.front(), "INBOX")) result.replace(0, 5, "INBOX");
  return result;
}

}  // namespace quartet::store
