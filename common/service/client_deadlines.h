// How long a server waits for a client that logs in and then gives commands, however its octets are spread.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/async/deadline.h"
#include "common/net/pace.h"

namespace quartet::service {

class ClientDeadlines {
 public:
  struct Times {
    std::chrono::seconds login;     // for the login as a whole, whatever is said meanwhile
    std::chrono::seconds idle;      // after it, for the next command to come
    std::chrono::seconds transfer;  // for the next octets of a command under way, and the grace of its pace (net::Pace)
    std::uint64_t rate;             // octets a second that a command under way must come with after that; 0: any
  };

  /// The client is to log in, from now on.
  explicit ClientDeadlines(const Times& times, SteadyTime now = std::chrono::steady_clock::now());

  /// As at the beginning: TLS has begun, or the client has logged out of its account.
  void begin_login(SteadyTime now = std::chrono::steady_clock::now()) { login_by_ = now + times_.login; }
  void logged_in();
  /// What the last command asked for is done; what comes belongs to the next.
  void begin_command();

  /// A wait begins: by when the next octets must come. `under_way`: the client has announced what is still to come of
  /// its command.
  async::Deadline begin_wait(bool under_way, SteadyTime now = std::chrono::steady_clock::now());
  /// It has ended and brought so many octets.
  void end_wait(std::size_t octets, SteadyTime now = std::chrono::steady_clock::now()) { pace_.end(octets, now); }

 private:
  Times times_;
  std::optional<SteadyTime> login_by_;
  std::optional<SteadyTime> command_by_;  // from the first wait for it
  net::Pace pace_;
};

}  // namespace quartet::service
