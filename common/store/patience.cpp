#include "common/store/patience.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace quartet::store {

int Patience::enter(int socket) {
  const int place = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (place < 0) return -1;
  const std::lock_guard lock(mutex_);
  places_.insert(place);
  if (over_) ::shutdown(place, SHUT_RDWR);
  return place;
}

void Patience::leave(int place) {
  if (place < 0) return;
  const std::lock_guard lock(mutex_);
  places_.erase(place);
  ::close(place);
}

std::size_t Patience::end() {
  const std::lock_guard lock(mutex_);
  over_ = true;
  for (const int place : places_) ::shutdown(place, SHUT_RDWR);
  return places_.size();
}

bool Patience::is_over() const {
  const std::lock_guard lock(mutex_);
  return over_;
}

}  // namespace quartet::store
