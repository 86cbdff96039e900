// The state of links: which of them are being served right now, and which an operator paused. Any thread.
#pragma once
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>

#include "common/relay/relay.h"

namespace quartet::relay {

class Links {
 public:
  /// Pauses are kept in `directory`; empty: they end with the object.
  Links(spool::Spool& spool, std::filesystem::path directory);

  /// Begins to serve `link`: all its mail becomes due, whatever its back-off (RFC 1985 section 5.2), right after a call
  /// of `before_due`. `at_once`: although the last time was a moment ago.
  StartAnswer start(const RoutingTable::Link& link, bool at_once, const std::function<void()>& before_due);
  /// Whether its site may turn a connection around now: kStarted, kPaused or kTooSoon.
  StartAnswer may_turn(const RoutingTable::Link& link) const;

  /// Whether a claimed recipient of `link` may be delivered now.
  bool running(const std::string& link) const;

  /// Ends every start whose queue has become empty; whether some go on.
  bool settle(const std::vector<RoutingTable::Link>& links);

  /// A connection that the link's site turned around is there, or has gone.
  void attach(const std::string& link);
  void detach(const std::string& link);
  bool attached(const std::string& link) const;

  /// Ends the start that is under way, and permits none. On disk when it returns; an error is one line for the
  /// operator.
  std::expected<void, std::string> pause(Suspension pause);
  /// False: it was not paused.
  std::expected<bool, std::string> resume(const std::string& link);
  bool any_paused() const { return pauses_.any(); }
  std::optional<Suspension> pause_of(const std::string& link) const { return pauses_.find(link, wall_now()); }
  /// Forgets pauses whose time is over.
  std::vector<Suspension> take_ended_pauses() { return pauses_.take_ended(wall_now()); }

  std::vector<LinkStatus> status(const std::vector<RoutingTable::Link>& links) const;

  /// What of a link's mail can be made due.
  static spool::Filter waiting(const RoutingTable::Link& link);

 private:
  struct Run {
    SteadyTime asked{};        // the last time
    SteadyTime made_due{};     // all that waited
    bool asked_since = false;  // and it was too soon to make all due again
  };
  std::uint64_t pending(const RoutingTable::Link& link) const;
  std::chrono::milliseconds too_soon(const RoutingTable::Link& link) const;
  void make_due_again(const RoutingTable::Link& link);

  spool::Spool& spool_;
  Suspensions pauses_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Run> running_;           // by name
  std::unordered_map<std::string, SteadyTime> begun_;      // by name: the last start, or turn of a connection
  std::unordered_map<std::string, std::size_t> attached_;  // by name: connections
};

}  // namespace quartet::relay
