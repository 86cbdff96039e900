#include "common/relay/policy.h"

#include <algorithm>

namespace quartet::relay {

std::expected<std::vector<std::optional<net::Address>>, std::string> sources_for(
    const std::vector<net::Address>& addresses, const net::Address& peer, std::size_t turn) {
  std::vector<std::optional<net::Address>> out;
  if (addresses.empty() || peer.is_unix()) {
    out.emplace_back();
    return out;
  }
  for (const auto& address : addresses)
    if (address.family() == peer.family()) out.emplace_back(address);
  if (out.empty())
    return std::unexpected(peer.family() == net::Address::Family::kIpv6 ? "no source address for IPv6 is configured"
                                                                        : "no source address for IPv4 is configured");
  std::ranges::rotate(out, out.begin() + static_cast<std::ptrdiff_t>(turn % out.size()));
  return out;
}

}  // namespace quartet::relay
