// What clients and servers say to each other, line by line, for an operator who looks on. While nobody does, that costs
// a session the reading of one flag for each line. Any thread.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>

#include "common/net/address.h"

namespace quartet::net {

/// Views: only for the duration of the call.
struct WireLine {
  std::uint64_t session = 0;  // of this process, from 1; those of clients and servers are one sequence
  bool server = false;        // the role that this process has in the session
  std::string_view protocol;  // "smtp", "lmtp"
  const Address& peer;
  std::string_view host;  // as client: the name of the other side, as the route has it
  bool ours = false;      // we said it
  bool last = false;      // the session is over; there is no text
  std::string_view text;  // without its line end; nothing of a message, nothing secret
};

class WireWatcher {
 public:
  virtual ~WireWatcher() = default;
  /// From any thread, one call at a time for each session. Neither blocks nor publishes.
  virtual void take(const WireLine& line) = 0;
};

/// Until the pointer that is returned is gone.
std::shared_ptr<void> watch_wire(std::shared_ptr<WireWatcher> watcher);
bool wire_is_watched();
void publish(const WireLine& line);
std::uint64_t next_wire_session();

}  // namespace quartet::net
