// A PROXY header is read the same however it was cut, and what it does not own is left.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/check.h"
#include "common/net/proxy_protocol.h"

using namespace quartet::net;

namespace {

struct Seen {
  int kind = 0;  // 0: more is needed, 1: a header, 2: an error
  std::optional<Address> client, server;
  std::size_t taken = 0;
};

Seen parse(std::string_view input, std::size_t cut) {
  ProxyParser parser;
  for (std::size_t at = 0; at < input.size(); at += cut) {
    parser.feed(input.substr(at, cut));
    const auto header = parser.next();
    if (!header) continue;
    if (!*header) return {.kind = 2, .client = {}, .server = {}};
    const auto fed = std::min(input.size(), at + cut);
    QUARTET_CHECK(parser.unconsumed().size() <= fed);
    return {1, (*header)->client, (*header)->server, fed - parser.unconsumed().size()};
  }
  return {};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto whole = parse(input, size + 1);
  const auto bytes = parse(input, 1);
  QUARTET_CHECK(whole.kind == bytes.kind && whole.client == bytes.client && whole.server == bytes.server &&
                whole.taken == bytes.taken);
  QUARTET_CHECK(whole.client.has_value() == whole.server.has_value());
  return 0;
}
