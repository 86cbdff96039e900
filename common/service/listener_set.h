// Listeners that a reload may add and take away while sessions go on: an acceptor for each.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "common/service/acceptor.h"

namespace quartet::service {

/// Main thread only, but for draining().
class ListenerSet {
 public:
  struct Listener {
    ListenerSpec spec;
    std::string source;  // its configuration: a listener is another one if this is another
  };

  /// As for Acceptor; the limit of connections per client is for each listener.
  ListenerSet(async::LoopThreads& loops, Acceptor::Options options, Acceptor::Serve serve)
      : loops_(loops), options_(std::move(options)), serve_(std::move(serve)) {}
  ~ListenerSet() { drain(std::chrono::seconds(0)); }

  /// Listens where it does not yet, and no longer where it is not wanted; sessions go on. Nothing is accepted at what
  /// is new before start(), so that what its sessions need can be put in force between the two. An error is one line
  /// for the operator: then nothing was changed, except that an address that was to be used in another way is not
  /// listened on.
  Status set(const std::vector<Listener>& wanted);
  /// Accepts at all of them.
  void start();

  std::vector<std::string> socket_files() const;
  /// True from the beginning of drain() on.
  const std::atomic<bool>& draining() const { return draining_; }
  /// As Acceptor::drain().
  void drain(std::chrono::seconds grace);

 private:
  struct Open {
    Listener listener;
    std::unique_ptr<Acceptor> acceptor;
    bool started = false;
  };
  Status open(const Listener& listener, std::vector<Open>& opened);

  async::LoopThreads& loops_;
  Acceptor::Options options_;
  Acceptor::Serve serve_;
  std::vector<Open> open_;
  std::vector<std::unique_ptr<Acceptor>> closed_;  // whose sessions go on
  std::atomic<bool> draining_ = false;
};

}  // namespace quartet::service
