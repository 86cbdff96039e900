// The listening sockets of an agent and the sessions that come of them, spread over its loops.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "common/async/loop_threads.h"
#include "common/async/wait.h"
#include "common/net/socket.h"
#include "common/service/agent.h"
#include "common/service/tally.h"

namespace quartet::service {

struct ListenerSpec {
  net::Address address;
  bool implicit_tls = false;
  std::vector<net::Network> proxies{};  // whose connections begin with the PROXY protocol
};

/// What counts as one client: an address, or the /64 network of an IPv6 address, since each client has all of it.
std::string client_key(const net::Address& client);

/// Tells a client why it is not served, and closes. Where TLS begins at once it hears nothing: a handshake would cost
/// more than what it is refused for saves.
async::Task<void> turn_away(std::unique_ptr<net::Stream> stream, const ListenerSpec& listener, std::string words);

class Acceptor {
 public:
  /// Runs one session to its end, on the loop it was accepted on. What it refers to lives until drain() has returned.
  using Serve = std::function<async::Task<void>(std::unique_ptr<net::Stream> stream, const ListenerSpec& listener)>;

  struct Options {
    /// Connections of one client address at a time; more are closed at once. Asked for each, on any loop; 0 or nobody
    /// to ask: no limit. UNIX sockets and the clients `exempt` names have none.
    std::function<std::size_t()> connections_per_client{};
    std::function<bool(const net::Address& client)> exempt{};
    /// What those hear that are closed, in the protocol they speak; asked for each, on any loop. Nobody to ask:
    /// nothing.
    std::function<std::string()> refusal{};
    bool metrics = true;  // false: not among the connections that the metrics count
  };

  Acceptor(async::LoopThreads& loops, Options options, Serve serve);
  ~Acceptor();  // drain(0)

  /// Opens a socket for each TCP address on each loop, so that the kernel spreads the connections, and one for each
  /// UNIX path, whose connections stay on one loop. Nothing is accepted before start().
  Status bind(const std::vector<ListenerSpec>& listeners);
  void start();
  /// As bound: a port 0 has become the one that the system chose.
  const std::vector<ListenerSpec>& listeners() const { return listeners_; }
  /// The files of those that are UNIX sockets.
  std::vector<std::string> socket_files() const;

  /// True from the beginning of drain() on: for sessions to say 421 in their next pause.
  const std::atomic<bool>& draining() const { return draining_; }
  /// Set then on the loop that this is called from: for sessions that wait for nothing but their client. Lives as long
  /// as the sessions.
  async::Event& drain_begun();

  /// Closes the listeners; sessions go on, until drain(). Blocks; not from a loop.
  void stop_accepting();

  /// Closes the listeners, waits up to `grace` for sessions to end, then stops them. Blocks; not from a loop.
  void drain(std::chrono::seconds grace);

  std::size_t sessions() const { return sessions_.load(std::memory_order_relaxed); }

 private:
  struct Here;  // what belongs to one loop
  async::Task<void> accept_from(Here& here, std::size_t index);
  async::Task<void> run_session(std::unique_ptr<net::Stream> stream, const ListenerSpec& listener);
  async::Task<void> run_client(std::unique_ptr<net::Stream> stream, const ListenerSpec& listener);
  static async::Task<void> close_listeners(Here& here, std::promise<void>& closed);
  async::Task<void> close_down(Here& here, std::chrono::seconds grace, std::move_only_function<void()> done);
  std::size_t limit_of(const net::Address& client) const;

  async::LoopThreads& loops_;
  Options options_;
  Serve serve_;
  std::vector<ListenerSpec> listeners_;
  std::vector<std::unique_ptr<Here>> here_;
  std::atomic<bool> draining_ = false;
  std::atomic<std::size_t> sessions_ = 0;
  bool drained_ = false;
  Tally clients_;  // connections by client_key()
};

}  // namespace quartet::service
