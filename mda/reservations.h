// Room that messages on their way will take: promised at RCPT, so that of several at once only as many are let in as
// fit. Of this process; the store itself never takes in more than fits. Any thread.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace quartet::mda {

struct Room {
  std::uint64_t bytes = 0;
  std::uint64_t messages = 0;
};

class Reservations {
 public:
  /// While it lives, the room is taken. Reservations outlive it.
  class Held {
   public:
    Held(Reservations& owner, std::string place, Room room, Room before)
        : owner_(owner), place_(std::move(place)), room_(room), before_(before) {}
    ~Held() { owner_.give_back(place_, room_); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    /// What others had reserved there already.
    Room before() const { return before_; }

   private:
    Reservations& owner_;
    const std::string place_;
    const Room room_;
    const Room before_;
  };
  using HeldPtr = std::shared_ptr<const Held>;

  /// `place` stands for what has a limit: the login of an account.
  HeldPtr hold(const std::string& place, std::uint64_t bytes);
  Room held(const std::string& place) const;

 private:
  void give_back(const std::string& place, Room room);

  mutable std::mutex mutex_;
  std::unordered_map<std::string, Room> places_;  // those with something reserved
};

}  // namespace quartet::mda
