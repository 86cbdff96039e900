// Upstreams as the control plane sees them: hosts that keep mail for us and are asked for it, by ETRN (RFC 1985) or
// ATRN (RFC 2645). The agent that asks implements this.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"

namespace quartet::relay {

struct UpstreamStatus {
  enum class State {
    kIdle,        // until its time comes, or somebody triggers it
    kAsking,      // connecting, or waiting for an answer
    kReceiving,   // its mail comes over the connection that was turned around
    kBackingOff,  // the last time failed; tried again at `next`
    kStopped,     // refused for good (5yz): only a trigger or a restart tries it again
  };
  std::string name;
  std::vector<std::string> domains;
  State state = State::kIdle;
  std::string method;          // "ATRN" or "ETRN": how it was asked last
  std::uint64_t received = 0;  // messages over turned connections, since the start
  std::uint64_t runs = 0;      // that have ended
  std::uint32_t failures = 0;  // in a row
  std::uint16_t code = 0;      // of the last answer; 0: none was heard
  std::string text;            // of it, or what went wrong
  std::optional<WallTime> next;
};

class Upstreams {
 public:
  virtual ~Upstreams() = default;
  /// In the order of the configuration. Any thread.
  virtual std::vector<UpstreamStatus> upstreams() const = 0;
  /// Asks now, or joins the run that is under way. The number that UpstreamStatus::runs has reached when that run has
  /// ended; nullopt: no such upstream. Any thread.
  virtual std::optional<std::uint64_t> trigger(const std::string& name) = 0;
};

}  // namespace quartet::relay
