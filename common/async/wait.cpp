#include "common/async/wait.h"

#include "common/base/check.h"

namespace quartet::async {

bool Waiter::begin(std::coroutine_handle<> handle, StopState* stop_state, Deadline deadline, bool cancellable) {
  QUARTET_CHECK(!handle_);
  result_ = Wait::kReady;
  if (cancellable && stop_state != nullptr) {
    if (stop_state->stop_requested()) {
      result_ = Wait::kCancelled;
      return false;
    }
    Link::insert_before(stop_state->waiters_);
  }
  handle_ = handle;
  if (!deadline.is_never()) Loop::current().arm(*this, deadline.time());
  return true;
}

void Waiter::settle(Wait result) {
  QUARTET_CHECK(handle_);
  result_ = result;
  Link::unlink();
  Loop::current().disarm(*this);
}

void Waiter::finish() {
  settle(Wait::kReady);
  std::exchange(handle_, {}).resume();
}

void Waiter::finish_later(Wait result) {
  settle(result);
  Loop::current().schedule(std::exchange(handle_, {}));
}

void Waiter::on_timer() {
  abort();
  finish_later(Wait::kTimedOut);
}

void StopState::request_stop() {
  stop_requested_ = true;
  while (waiters_.linked()) {
    auto* const waiter = static_cast<Waiter*>(waiters_.next());
    waiter->abort();
    waiter->finish_later(Wait::kCancelled);
  }
}

Event::~Event() { QUARTET_CHECK(!waiters_.linked()); }

void Event::set() {
  set_ = true;
  while (waiters_.linked()) {
    auto* const waiter = static_cast<Awaiter*>(static_cast<Place*>(waiters_.next()));
    waiter->Place::unlink();
    waiter->finish_later();
  }
}

}  // namespace quartet::async
