// A name server that does what the test says: wrong, late or nothing. Its own thread, UDP and TCP on one port.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/dns/message.h"
#include "common/net/address.h"

namespace quartet::dns::testing {

struct Query {
  std::uint16_t id = 0;
  Question question;
  bool edns = false;
  bool authentic_data = false;
  bool tcp = false;
  int number = 0;  // counts from 1, UDP and TCP together
};

class ScriptedServer {
 public:
  /// Gives the datagrams to send back (over TCP: the messages), called on the server's thread.
  using Script = std::function<std::vector<std::string>(const Query&)>;

  explicit ScriptedServer(Script script);
  ~ScriptedServer();

  const net::Address& address() const { return address_; }
  int queries() const { return queries_; }

 private:
  void run();
  void serve_udp();
  void serve_tcp();
  std::vector<std::string> reply(const std::string& packet, bool tcp);

  Script script_;
  int udp_ = -1, tcp_ = -1, stop_[2] = {-1, -1};
  net::Address address_;
  std::atomic<int> queries_ = 0;
  std::thread thread_;
};

/// An ordinary answer to `query` with one A record.
std::string a_record(const Query& query, const std::string& four_bytes, std::uint32_t ttl = 300,
                     unsigned flags = 0x8180);

}  // namespace quartet::dns::testing
