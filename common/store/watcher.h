// Watcher: wakes a session when what it watches has changed. A hint without data: ask for a snapshot to learn what.
#pragma once
#include <memory>

#include "common/async/wait.h"

namespace quartet::store {

class Hub;

/// Belongs to the loop that made it. The first change since the last reset() sets the event; reset() it before asking
/// for the snapshot, so that no change is missed. Lost hints are made good by polling.
class Watcher {
 public:
  struct Target;  // what the store's threads see of a watcher; outlives it as long as they need it

  Watcher(std::shared_ptr<Hub> hub, std::shared_ptr<Target> target);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  async::Event& event();
  void reset() { event().reset(); }

 private:
  std::shared_ptr<Hub> hub_;
  std::shared_ptr<Target> target_;
};

}  // namespace quartet::store
