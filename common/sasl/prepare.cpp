// SASLprep by ICU's tables of RFC 4013.
#include <unicode/unistr.h>
#include <unicode/usprep.h>

#include <algorithm>

#include "common/sasl/scram.h"

namespace quartet::sasl {

std::optional<std::string> prepare(std::string_view text) {
  const auto plain = [](char c) { return c >= ' ' && c <= '~'; };
  if (std::ranges::all_of(text, plain)) return std::string(text);
  UErrorCode error = U_ZERO_ERROR;
  // Never freed, as it is never changed: any thread may use it.
  static const auto* const profile = [] {
    UErrorCode opened = U_ZERO_ERROR;
    return usprep_openByType(USPREP_RFC4013_SASLPREP, &opened);
  }();
  const auto source = icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int>(text.size())));
  // Octets that are no UTF-8 have become U+FFFD, which the profile prohibits.
  icu::UnicodeString out;
  const auto room = source.length() * 18 + 1;  // the longest decomposition under NFKC
  auto* const buffer = out.getBuffer(room);
  if (profile == nullptr || buffer == nullptr) return std::nullopt;
  const auto length =
      usprep_prepare(profile, source.getBuffer(), source.length(), buffer, room, USPREP_DEFAULT, nullptr, &error);
  out.releaseBuffer(U_SUCCESS(error) ? length : 0);
  if (U_FAILURE(error)) return std::nullopt;
  std::string utf8;
  return out.toUTF8String(utf8);
}

}  // namespace quartet::sasl
