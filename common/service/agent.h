// What the frame of a daemon needs of an agent.
#pragma once
#include <chrono>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/async/loop_threads.h"
#include "common/base/time.h"
#include "common/config/config.h"
#include "common/control/recipient.h"
#include "common/service/reload.h"
#include "common/spool/edit.h"

namespace quartet::config::v1 {
class Agent;
}
namespace quartet::directory {
class Directory;
}
namespace quartet::net {
class Sessions;
}
namespace quartet::spool {
class Spool;
}
namespace quartet::relay {
class Relay;
class Upstreams;
}  // namespace quartet::relay
namespace quartet::store {
class Store;
}

namespace quartet::service {

/// An error is one line for the operator.
using Status = std::expected<void, std::string>;

/// Paths of an agent.
struct Belongings {
  std::vector<std::string> sockets;      // files that bind() made
  std::vector<std::string> directories;  // that the agent makes if they are missing; "" for none
};

/// Made from a configuration that was found good. The frame calls bind(), then start(), then any number of reload()s,
/// then drain(), all from the main thread; each may block.
class Agent {
 public:
  virtual ~Agent() = default;

  /// Of the last configuration that was taken. Main thread.
  virtual const config::v1::Agent& settings() const = 0;

  /// Opens the listening sockets, maybe as root; nothing is accepted yet.
  virtual Status bind(async::LoopThreads& loops) = 0;
  /// What the user that the agent becomes must own for start() and all that follows. Asked after bind().
  virtual Belongings belongings() const { return {}; }
  /// Opens files and begins to work, as the user that the agent runs as.
  virtual Status start() = 0;
  /// Reads the configuration again; with faults everything stays as it was. Sessions go on. What can only change at a
  /// start is ignored, or a fault where going on with the rest would lose mail's way.
  virtual Reloaded reload(const config::Input& input) = 0;
  /// The same as a whole. Main thread.
  virtual const google::protobuf::Message& configuration() const = 0;

  /// What reload() of `input` would do; nothing changes by it. Main thread.
  virtual Preview preview(const config::Input& input) const = 0;
  /// How a recipient would be answered; nullopt if the agent takes no mail. Any thread.
  virtual std::optional<control::RecipientAnswer> explain(const control::RecipientQuestion&) const {
    return std::nullopt;
  }
  /// Takes nothing new, lets transactions end for up to `grace`, then ends them. Also after a bind() or start() that
  /// failed; nothing of the agent uses the loops afterwards.
  virtual void drain(std::chrono::seconds grace) = 0;

  /// Why the agent is not ready for work; empty if it is. Any thread.
  virtual std::string trouble() const { return {}; }

  /// For the control plane; null if the agent has none. Valid between start() and drain().
  virtual spool::Spool* spool() { return nullptr; }
  virtual relay::Relay* relay() { return nullptr; }
  virtual relay::Upstreams* upstreams() { return nullptr; }
  virtual net::Sessions* sessions() { return nullptr; }
  /// One that several hosts share; null if the agent has none. Valid between start() and drain().
  virtual store::Store* shared_store() { return nullptr; }
  virtual store::Store* store() { return nullptr; }
  /// Who has mail here; null if the agent does not ask. Any thread.
  virtual std::shared_ptr<const directory::Directory> directory() const { return nullptr; }
  /// The file it was read from. Any thread.
  virtual std::string directory_file() const { return {}; }
  /// The last login of an account to this agent. Any thread.
  virtual std::optional<WallTime> last_login(const std::string&) const { return std::nullopt; }
  /// Removes what the agent keeps beside the store of an account that is nobody's any more. Any thread; blocks.
  virtual Status forget_account(const std::string&) { return {}; }
  /// What recipients of a queued message lead to now, by rewriting and aliases. Any thread.
  virtual spool::Replacement rewrite(const spool::Message&, const std::vector<spool::Claim>&) { return {}; }
};

}  // namespace quartet::service
