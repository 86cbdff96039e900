// The leaves of every wait: stop states, the Waiter base, sleep, Event, and completion from other threads.
//
// Cancellation is a result, not a destruction: when a stop state is stopped, each pending wait under it ends with
// Wait::kCancelled, and the coroutine goes on and returns in its own time.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "common/async/deadline.h"
#include "common/async/loop.h"
#include "common/async/task.h"

namespace quartet::async {

/// How a wait ended.
enum class Wait { kReady, kTimedOut, kCancelled };

/// A member of one intrusive doubly linked ring; unlinked by its destructor.
class Link {
 public:
  Link() : next_(this), previous_(this) {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { unlink(); }

  bool linked() const { return next_ != this; }
  void unlink() {
    next_->previous_ = previous_;
    previous_->next_ = next_;
    next_ = previous_ = this;
  }
  void insert_before(Link& head) {
    next_ = &head;
    previous_ = head.previous_;
    previous_->next_ = this;
    head.previous_ = this;
  }
  Link* next() const { return next_; }

 private:
  Link* next_;
  Link* previous_;
};

/// Base of awaiters that really suspend. A derived class starts its operation after begin() said true, and calls
/// finish() when it is done; abort() is called instead, at most once, when the deadline passes or a stop is requested.
/// Loop thread only.
class Waiter : private Link, private TimerNode {
 public:
  bool pending() const { return static_cast<bool>(handle_); }

 protected:
  Waiter() = default;
  ~Waiter() override = default;

  /// False when the stop was requested already and the wait must not begin: the coroutine goes on at once and result()
  /// is kCancelled. `cancellable` false: only for waits that are sure to end, such as joining children.
  template <typename Promise>
  bool begin(std::coroutine_handle<Promise> handle, Deadline deadline, bool cancellable = true) {
    return begin(handle, static_cast<PromiseBase&>(handle.promise()).stop_state, deadline, cancellable);
  }

  /// Ends the wait with kReady and resumes the coroutine before it returns: call it last.
  void finish();

  /// Ends the wait with kReady; the coroutine is resumed on a later turn of the loop.
  void finish_later(Wait result = Wait::kReady);

  /// Undo what the operation registered elsewhere. The coroutine is resumed later by the base.
  virtual void abort() {}

  Wait result() const { return result_; }

 private:
  friend class StopState;
  bool begin(std::coroutine_handle<> handle, StopState* stop_state, Deadline deadline, bool cancellable);
  void on_timer() override;
  void settle(Wait result);

  std::coroutine_handle<> handle_;
  Wait result_ = Wait::kReady;
};

/// What a group of tasks shares: whether it is to stop, and its pending waits.
class StopState {
 public:
  bool stop_requested() const { return stop_requested_; }
  /// Ends all pending waits with kCancelled, and every later one at once.
  void request_stop();

 private:
  friend class Waiter;
  Link waiters_;
  bool stop_requested_ = false;
};

/// Suspends for a time; kTimedOut is its ordinary end.
class Sleep : public Waiter {
 public:
  explicit Sleep(Deadline deadline) : deadline_(deadline) {}
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    return begin(handle, deadline_);
  }
  Wait await_resume() const { return result(); }

 private:
  Deadline deadline_;
};
inline Sleep sleep_for(std::chrono::nanoseconds duration) { return Sleep(Deadline::after(duration)); }
inline Sleep sleep_until(Deadline deadline) { return Sleep(deadline); }

/// Lets other coroutines and I/O of this loop run.
struct Yield {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) const { Loop::current().schedule(handle); }
  void await_resume() const noexcept {}
};
inline Yield yield() { return {}; }

/// Whether the calling coroutine's group was told to stop: `const bool stop = co_await stop_requested();`
struct StopRequested {
  bool stopped = false;
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    const StopState* state = static_cast<PromiseBase&>(handle.promise()).stop_state;
    stopped = state != nullptr && state->stop_requested();
    return false;
  }
  bool await_resume() const noexcept { return stopped; }
};
inline StopRequested stop_requested() { return {}; }

/// A level: waiters wait until it is set, and it stays set until reset(). One loop only.
class Event {
 public:
  Event() = default;
  ~Event();  // nobody may be waiting
  bool is_set() const { return set_; }
  void set();
  void reset() { set_ = false; }

  class Awaiter;
  Awaiter wait(Deadline deadline);
  /// For joins: goes on waiting although the caller's group is stopping.
  Awaiter wait_uncancellable(Deadline deadline = Deadline::never());

 private:
  struct Place : Link {};  // a waiter's place in this event's queue, beside its place in its stop state
  Link waiters_;
  bool set_ = false;

 public:
  class Awaiter : public Waiter, private Place {
   public:
    Awaiter(Event& event, Deadline deadline, bool cancellable)
        : event_(event), deadline_(deadline), cancellable_(cancellable) {}
    bool await_ready() const noexcept { return event_.set_; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      if (!begin(handle, deadline_, cancellable_)) return false;
      Place::insert_before(event_.waiters_);
      return true;
    }
    Wait await_resume() const { return result(); }

   private:
    friend class Event;
    void abort() override { Place::unlink(); }
    Event& event_;
    Deadline deadline_;
    bool cancellable_;
  };
};

inline Event::Awaiter Event::wait(Deadline deadline) { return Awaiter(*this, deadline, true); }
inline Event::Awaiter Event::wait_uncancellable(Deadline deadline) { return Awaiter(*this, deadline, false); }

namespace detail {
template <typename T>
struct CompletionState {
  Loop* loop;
  std::coroutine_handle<> handle;
  std::optional<T> value;
};
}  // namespace detail

/// Gives one value to a coroutine that waits on its own loop; to be called exactly once, from any thread.
template <typename T>
class Completion {
 public:
  explicit Completion(detail::CompletionState<T>* state) : state_(state) {}
  Completion(Completion&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Completion& operator=(Completion&&) = delete;
  ~Completion() { QUARTET_CHECK(state_ == nullptr); }  // the coroutine would wait for ever

  void operator()(T value) {
    auto* const state = std::exchange(state_, nullptr);
    QUARTET_CHECK(state != nullptr);
    state->value.emplace(std::move(value));
    state->loop->post([state] { state->handle.resume(); });
  }

 private:
  detail::CompletionState<T>* state_;
};

/// Awaits what `start` begins elsewhere: start(Completion<T>) is called at once, the coroutine resumes on this loop
/// when the completion is called. Not cancellable: the work refers to memory of the waiting coroutine.
template <typename T, typename Start>
class CompletionAwaiter {
 public:
  explicit CompletionAwaiter(Start start) : start_(std::move(start)) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    state_.loop = &Loop::current();
    state_.handle = handle;
    start_(Completion<T>(&state_));
  }
  T await_resume() { return std::move(*state_.value); }

 private:
  Start start_;
  detail::CompletionState<T> state_;
};
template <typename T, typename Start>
CompletionAwaiter<T, Start> from_callback(Start start) {
  return CompletionAwaiter<T, Start>(std::move(start));
}

}  // namespace quartet::async
