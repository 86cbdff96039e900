// Hints that a store which several hosts share has changed: given to who follows this agent, and taken from those it
// follows.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <thread>
#include <vector>

#include "common/control/server.h"

namespace grpc {
class ClientContext;
}

namespace quartet::control {

/// Follows the peers that are an mda or an imapd, each on a thread of its own, and again whenever it was lost.
class HintFollower {
 public:
  /// `take` is called from any thread until stop().
  HintFollower(const Options& options, TakeHints take);
  ~HintFollower();  // stop()
  HintFollower(const HintFollower&) = delete;
  HintFollower& operator=(const HintFollower&) = delete;

  void stop();

 private:
  void follow(const PeerOptions& peer);
  bool rest();

  const Options options_;
  const TakeHints take_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::set<grpc::ClientContext*> calls_;  // under way
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace quartet::control
