// Who did what to the queue: one event in the log for each call that changes something.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace grpc {
class CallbackServerContext;
}

namespace quartet::control {

/// The name in the client's certificate ("tls:ops@a.example"), or the process at the other end of the UNIX socket
/// ("unix:uid=1000,pid=77").
std::string peer_of(const grpc::CallbackServerContext& context);
/// Of a connection that our UnixSocket accepted; nullopt: it is another one.
std::optional<int> descriptor_of(const grpc::CallbackServerContext& context);

struct Change {
  std::string_view verb;      // "drop"
  std::string_view peer;      // as peer_of() has it
  std::string_view selector;  // text
  std::string_view reason;
  std::string_view next_hop = {};   // of a reroute
  std::string_view detail = {};     // what else the verb was given
  std::string_view operation = {};  // its id
  std::string_view rule = {};       // its id
  bool dry_run = false;
  std::uint64_t changed = 0;
  std::uint64_t pending = 0;
  std::uint64_t skipped = 0;
  std::string_view refused = {};  // why nothing was changed, or not all; empty: it was
};
void audit(const Change& change);

}  // namespace quartet::control
