// The gRPC control plane of one agent: health (grpc.health.v1), reflection, and the services of
// proto/quartet/control/v1 that the agent has something for. gRPC's threads never touch an agent's state: what they
// call is safe from any thread, or posted to a loop.
#pragma once
#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/control/access.h"
#include "common/control/recipient.h"
#include "common/spool/edit.h"

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

namespace quartet::control {

/// Another agent's control plane.
struct PeerOptions {
  std::string name;     // "mta@mx.b.example"
  std::string address;  // "unix:/path" or "host:port"
  bool next = false;    // mail goes on to it
};

struct Options {
  std::string socket;           // path of the UNIX socket; empty: none
  unsigned socket_mode = 0600;  // its permissions
  std::string address;          // "192.0.2.1:7001" by mutual TLS; empty: none
  std::string certificate;      // PEM files for `address`
  std::string key;
  std::string client_ca;
  std::vector<Grant> grants;  // none: whoever connects may do everything
  std::vector<PeerOptions> peers = {};
  std::string peer_ca = {};  // PEM file
};

/// That a store has changed: as it numbers accounts and mailboxes; mailbox 0 is the tree of them.
struct StoreHint {
  std::uint32_t shard = 0;
  std::int64_t account = 0;
  std::int64_t mailbox = 0;
};
using TakeHints = std::function<void(std::span<const StoreHint>)>;

/// What became of a reload, in words for people.
struct ReloadResult {
  std::vector<std::string> faults;   // "file:line:column: what"; then nothing has changed
  std::vector<std::string> changed;  // names of settings that count from now on
  std::vector<std::string> ignored;  // of those that take effect at the next start
};

/// A setting that differs; texts as a configuration file has them, on one line.
struct SettingChange {
  std::string setting;
  std::string before;
  std::string after;
  bool at_start = false;  // takes effect at the next start only; `before` is of the last one
};
/// What a configuration would change.
struct ConfigPreview {
  std::vector<std::string> faults;  // "file:line:column: what"; then it would change nothing
  std::vector<SettingChange> changes;
};

/// What is served. All of it outlives the server and may be used from any thread.
struct Subject {
  std::string agent;                      // "mta"
  std::function<std::string()> hostname;  // as in greetings
  spool::Spool* spool = nullptr;          // null: no QueueService
  relay::Relay* relay =
      nullptr;  // null: no RemoteQueueService, no DestinationService; RetryNow and Release wake its dead sites
  std::function<std::string()> trouble;   // why the agent is not ready; empty text: it is (health SERVING)
  relay::Upstreams* upstreams = nullptr;  // null: asks nobody for mail
  net::Sessions* sessions = nullptr;      // null: no SessionService
  using ReloadDone = std::move_only_function<void(const ReloadResult&)>;
  /// Reads the configuration again, and calls what it is given, or destroys it uncalled if the agent stops.
  std::function<void(ReloadDone)> reload = {};
  /// What recipients of a message lead to by the present aliases and rewriting; null: they stay what they are.
  std::function<spool::Replacement(const spool::Message&, const std::vector<spool::Claim>&)> rewrite = {};
  /// Begins to end the agent, and returns at once.
  std::function<void()> drain = {};

  using PreviewDone = std::move_only_function<void(const ConfigPreview&)>;
  /// What a reload would do, with the text in place of the configuration file if there is one. As `reload` with `done`.
  std::function<void(std::optional<std::string> text, PreviewDone done)> preview = {};
  /// A setting as config::shown() has it, of the configuration that counts, on lines of their own.
  using ShownDone = std::move_only_function<void(const std::optional<std::string>&)>;
  std::function<void(std::string setting, ShownDone done)> shown = {};
  /// nullopt: the agent takes no mail.
  std::function<std::optional<RecipientAnswer>(const RecipientQuestion&)> explain = {};

  /// Both null: the agent has no store that several hosts share. The first is called with each change of its own from
  /// any thread, until what it gives ends; the second gets those of other hosts.
  std::function<std::shared_ptr<void>(TakeHints)> follow_hints = {};
  TakeHints take_hints = {};

  store::Store* store = nullptr;  // null: no MailboxService
  /// Who has mail here. Null, or nothing at the start: no DirectoryService.
  std::function<std::shared_ptr<const directory::Directory>()> directory = {};
  /// Where it was read from.
  std::function<std::string()> directory_file = {};
  /// Reads it again; why it could not be, or "". As `reload` with `done`.
  std::function<void(std::move_only_function<void(const std::string& fault)> done)> reread_directory = {};
  /// Of an account, to this agent.
  std::function<std::optional<WallTime>(const std::string& account)> last_login = {};
  /// Removes what the agent keeps beside the store of an account that is nobody's any more; blocks.
  std::function<std::expected<void, std::string>(const std::string& account)> forget_account = {};
};

class Server {
 public:
  /// Listens at once. The error is one line for the operator. Not from a loop.
  static std::expected<std::unique_ptr<Server>, std::string> start(const Options& options, Subject subject);
  ~Server();  // stop(0)
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Where `Options::address` is served, with the port that the system chose if it was 0.
  const std::string& address() const;

  /// Health says NOT_SERVING, watches end, calls under way get `grace`. Blocks; not from a loop.
  void stop(std::chrono::milliseconds grace);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace quartet::control
