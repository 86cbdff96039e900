// Patience: what waits for the servers of stores, so that an agent that has to end can end it.
#pragma once
#include <cstddef>
#include <mutex>
#include <set>

namespace quartet::store {

/// All of it may be called from any thread. It outlives the stores whose options have it.
class Patience {
 public:
  Patience() = default;
  ~Patience() = default;  // all have left
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

  /// A connection for which answers are waited; shut down at once if they are not waited for any more. What leave()
  /// takes; -1 if there are no more file descriptors: then nobody ends its waits.
  int enter(int socket);
  void leave(int place);
  /// Ends the waits of now and later: the connections are lost, and no others are made. How many there were.
  std::size_t end();
  bool is_over() const;

 private:
  mutable std::mutex mutex_;
  // Duplicates: a socket that its library has closed by itself may be somebody else's by now.
  std::set<int> places_;
  bool over_ = false;
};

}  // namespace quartet::store
