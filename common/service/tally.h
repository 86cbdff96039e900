// How many there are of each key, up to a limit: connections of a client, sessions of an account. Any thread.
#pragma once
#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace quartet::service {

class Tally {
 public:
  /// False, and nothing counted, if there are `most` already.
  bool enter(const std::string& key, std::size_t most);
  /// For each enter() that said true.
  void leave(const std::string& key);
  std::size_t count(const std::string& key) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> counts_;  // none is 0
};

/// One of a tally, which outlives it, until it is left or destroyed.
class Place {
 public:
  Place(Tally& tally, std::string key) : tally_(tally), key_(std::move(key)) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { leave(); }
  /// Whether there is room for it; to be asked once.
  bool take(std::size_t most) { return taken_ = tally_.enter(key_, most); }
  void leave() {
    if (std::exchange(taken_, false)) tally_.leave(key_);
  }

 private:
  Tally& tally_;
  std::string key_;
  bool taken_ = false;
};

}  // namespace quartet::service
