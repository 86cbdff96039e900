#include "mda/reservations.h"

namespace quartet::mda {

Reservations::HeldPtr Reservations::hold(const std::string& place, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  auto& room = places_[place];
  const auto before = room;
  room.bytes += bytes;
  ++room.messages;
  return std::make_shared<const Held>(*this, place, Room{bytes, 1}, before);
}

Room Reservations::held(const std::string& place) const {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(place);
  return found == places_.end() ? Room{} : found->second;
}

void Reservations::give_back(const std::string& place, Room room) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(place);
  found->second.bytes -= room.bytes;
  found->second.messages -= room.messages;
  if (found->second.messages == 0) places_.erase(found);
}

}  // namespace quartet::mda
