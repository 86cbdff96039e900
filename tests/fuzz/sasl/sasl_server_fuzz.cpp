// Responses, one a line, to every mechanism: it asks, refuses or gives credentials that are within their limits.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/ascii.h"
#include "common/base/check.h"
#include "common/sasl/server.h"

using namespace quartet;
using namespace quartet::sasl;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto names = server_mechanisms();
  names.emplace_back(kCramMd5);
  for (const auto& name : names) {
    const auto server = make_server(name);
    std::optional<std::string_view> response;
    for (const auto line : ascii::split(text, '\n')) {
      if (line != "?") response = line;
      const auto step = server->step(response);
      if (std::holds_alternative<Malformed>(step)) break;
      if (const auto* const proof = std::get_if<CramMd5Proof>(&step)) {
        QUARTET_CHECK(name == kCramMd5 && !proof->authentication.empty() && proof->digest.size() == 16);
        QUARTET_CHECK(!proof->challenge.empty() && !proves(*proof, "a password"));
        break;
      }
      const auto* const credentials = std::get_if<Credentials>(&step);
      if (credentials == nullptr) continue;
      QUARTET_CHECK(!credentials->authentication.empty() && credentials->authentication.size() <= 512);
      QUARTET_CHECK(!credentials->password.empty() && credentials->password.size() <= 512);
      QUARTET_CHECK(credentials->authorization.size() <= 512);
      if (name == "PLAIN") QUARTET_CHECK(plain_response(*credentials) == *response);
      break;
    }
  }
  return 0;
}
