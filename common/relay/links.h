// The state of links: which of them are being served right now. Any thread.
#pragma once
#include <mutex>
#include <string>
#include <unordered_map>

#include "common/relay/relay.h"

namespace quartet::relay {

class Links {
 public:
  explicit Links(spool::Spool& spool) : spool_(spool) {}

  /// Begins to serve `link`: all its mail becomes due, whatever its back-off (RFC 1985 section 5.2).
  StartAnswer start(const RoutingTable::Link& link);

  /// Whether a claimed recipient of `link` may be delivered now.
  bool running(const std::string& link) const;

  /// Ends every start whose queue has become empty; whether some go on.
  bool settle(const std::vector<RoutingTable::Link>& links);

  /// A connection that the link's site turned around is there, or has gone.
  void attach(const std::string& link);
  void detach(const std::string& link);
  bool attached(const std::string& link) const;

  std::vector<LinkStatus> status(const std::vector<RoutingTable::Link>& links) const;

 private:
  std::uint64_t pending(const RoutingTable::Link& link) const;

  spool::Spool& spool_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, SteadyTime> running_;    // by name: since when
  std::unordered_map<std::string, std::size_t> attached_;  // by name: connections
};

}  // namespace quartet::relay
