// Any TXT record leads somewhere or nowhere, and never to what could not be an address or a URL.
#include <cstddef>
#include <cstdint>

#include "common/base/check.h"
#include "common/tlsrpt/record.h"

using namespace quartet;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto found = tlsrpt::parse_record({text});
  QUARTET_CHECK(found.size() <= 10);
  for (const auto& destination : found) {
    if (const auto* mail = std::get_if<tlsrpt::MailTo>(&destination)) {
      QUARTET_CHECK(mail->address.find_first_of("\r\n <>") == std::string::npos && mail->address.contains('@'));
      continue;
    }
    const auto& url = std::get<https::Url>(destination);
    QUARTET_CHECK(!url.host.empty() && url.port != 0 && url.path.starts_with('/'));
    QUARTET_CHECK(url.path.find_first_of("\r\n ") == std::string::npos);
  }
  QUARTET_CHECK(found.empty() || tlsrpt::parse_record({text, text}).empty());
  return 0;
}
