// Which lines of which sessions somebody wants to see.
#pragma once
#include <cstdint>
#include <deque>
#include <expected>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/net/address.h"
#include "quartet/control/v1/trace.pb.h"

namespace quartet::control {

class SessionFilter {
 public:
  /// The error says what is wrong with the request.
  static std::expected<SessionFilter, std::string> make(const v1::TraceSessionsRequest& request);

  /// The next line of a session: what is to be shown, which may be lines that were kept back until now.
  std::vector<v1::SessionLine> take(v1::SessionLine line, const net::Address& peer);

 private:
  struct Session {
    bool shown = false;
    std::deque<v1::SessionLine> before;  // kept back
  };
  bool of_interest(const v1::SessionLine& line, const net::Address& peer) const;
  bool has_address(std::string_view command) const;
  std::vector<v1::SessionLine> decide(Session& session, v1::SessionLine line) const;

  v1::TraceSessionsRequest wanted_;
  std::optional<net::Network> network_;
  std::string address_;  // lower case
  std::unordered_map<std::uint64_t, Session> sessions_;
};

}  // namespace quartet::control
