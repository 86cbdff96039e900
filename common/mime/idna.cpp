#include "common/mime/idna.h"

#include <unicode/uidna.h>

#include <array>
#include <cstdint>

#include "common/base/ascii.h"
#include "common/mime/charset.h"

namespace quartet::mime {
namespace {

/// Never destroyed: used at exit, too. Null if ICU has no data.
const UIDNA* rules() {
  static const UIDNA* const made = [] {
    UErrorCode error = U_ZERO_ERROR;
    const auto* const out =
        uidna_openUTS46(UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_NONTRANSITIONAL_TO_ASCII, &error);
    return U_SUCCESS(error) ? out : nullptr;
  }();
  return made;
}

}  // namespace

std::string ascii_domain(std::string_view domain) {
  if (is_ascii(domain)) return ascii::lower(domain);
  constexpr std::size_t kLongest = 255;  // octets of a domain (RFC 5321 section 4.5.3.1.2)
  const bool pattern = domain.starts_with('.');
  const auto name = domain.substr(pattern ? 1 : 0);
  std::array<char, kLongest> out;
  UIDNAInfo info = UIDNA_INFO_INITIALIZER;
  UErrorCode error = U_ZERO_ERROR;
  if (rules() == nullptr || name.size() > 4 * kLongest) return ascii::lower(domain);
  const auto size = uidna_nameToASCII_UTF8(rules(), name.data(), static_cast<std::int32_t>(name.size()), out.data(),
                                           static_cast<std::int32_t>(out.size()), &info, &error);
  if (U_FAILURE(error) || info.errors != 0) return ascii::lower(domain);
  return std::string(pattern ? "." : "").append(out.data(), static_cast<std::size_t>(size));
}

std::string domain_of(std::string_view address) {
  const auto at = address.rfind('@');
  return at == std::string_view::npos ? std::string() : ascii_domain(address.substr(at + 1));
}

std::string ascii_address(std::string_view address) {
  const auto at = address.rfind('@');
  if (at == std::string_view::npos) return ascii_domain(address);
  return ascii::lower(address.substr(0, at + 1)) + ascii_domain(address.substr(at + 1));
}

}  // namespace quartet::mime
