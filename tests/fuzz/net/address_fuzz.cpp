// Addresses and networks are refused, or read back from what they print.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/check.h"
#include "common/net/address.h"

using namespace quartet::net;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto address = Address::parse(text)) {
    QUARTET_CHECK(Address::parse(address->to_string()) == *address);
    if (!address->is_unix()) {
      QUARTET_CHECK(Address::from_ip(address->host(), address->port()) == *address);
      QUARTET_CHECK(Network::parse(address->host())->contains(*address));
    }
  }
  if (const auto network = Network::parse(text)) {
    if (const auto base = Address::from_ip(text.substr(0, text.find('/')), 1)) QUARTET_CHECK(network->contains(*base));
  }
  return 0;
}
