// The name servers of one resolver and how they behaved lately. Pure: time comes in. Private to this folder.
#pragma once
#include <cstddef>
#include <vector>

#include "common/base/time.h"
#include "common/net/address.h"

namespace quartet::dns {

class Servers {
 public:
  struct Server {
    net::Address address;
    SteadyTime avoid_until;    // it failed lately: ask the others first
    SteadyTime no_edns_until;  // it refused EDNS0
  };

  Servers(std::vector<net::Address> addresses, bool rotate);

  /// All servers as indices, in the order to ask them now.
  std::vector<std::size_t> order(SteadyTime now);

  Server& operator[](std::size_t index) { return servers_[index]; }
  std::size_t size() const { return servers_.size(); }

  void failed(std::size_t index, SteadyTime now);
  void answered(std::size_t index) { servers_[index].avoid_until = {}; }

 private:
  std::vector<Server> servers_;
  bool rotate_;
  std::size_t next_ = 0;
};

}  // namespace quartet::dns
