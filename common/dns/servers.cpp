#include "common/dns/servers.h"

#include "common/base/check.h"

namespace quartet::dns {
namespace {
constexpr std::chrono::seconds kAvoid{30};
}

Servers::Servers(std::vector<net::Address> addresses, bool rotate) : rotate_(rotate) {
  QUARTET_CHECK(!addresses.empty());
  for (auto& address : addresses) servers_.push_back({std::move(address), {}, {}});
}

std::vector<std::size_t> Servers::order(SteadyTime now) {
  std::vector<std::size_t> good, avoided;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    const std::size_t index = (next_ + i) % servers_.size();
    (servers_[index].avoid_until <= now ? good : avoided).push_back(index);
  }
  if (rotate_) next_ = (next_ + 1) % servers_.size();
  good.insert(good.end(), avoided.begin(), avoided.end());
  return good;
}

void Servers::failed(std::size_t index, SteadyTime now) { servers_[index].avoid_until = now + kAvoid; }

}  // namespace quartet::dns
