// A private nsd (Debian's authoritative name server) on a loopback port, for as long as the object lives.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "common/net/address.h"

namespace quartet::dns::testing {

class Nsd {
 public:
  /// Zone name -> records in master file form, without $ORIGIN, $TTL and SOA: these are put in front.
  explicit Nsd(std::map<std::string, std::string> zones);
  ~Nsd();
  Nsd(const Nsd&) = delete;
  Nsd& operator=(const Nsd&) = delete;

  const net::Address& address() const { return address_; }

 private:
  bool start();
  void stop();
  bool answers_within(int milliseconds) const;

  std::map<std::string, std::string> zones_;
  std::filesystem::path directory_;
  net::Address address_;
  pid_t pid_ = 0;
};

}  // namespace quartet::dns::testing
