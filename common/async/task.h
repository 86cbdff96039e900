// Task<T>: a lazy coroutine that is awaited once by another coroutine or owned by a TaskGroup.
//
// No symmetric transfer: it is a jump only when the optimiser runs, so under a sanitizer a long loop of awaits that
// finish at once would overflow the stack. Instead the awaiting side resumes the child itself and goes straight on if
// the child is done when that call returns.
#pragma once
#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "common/base/check.h"

namespace quartet::async {

class StopState;

/// What every promise carries: who waits for it, and the stop state it inherits from who awaits it.
struct PromiseBase {
  std::coroutine_handle<> continuation;
  StopState* stop_state = nullptr;
  bool starting = false;  // the awaiting coroutine's await_suspend is on the stack and looks at done() itself
  std::exception_ptr exception;

  std::suspend_always initial_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { exception = std::current_exception(); }

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    void await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      PromiseBase& promise = self.promise();
      // After the resumption `self` may be destroyed: nothing of it may be touched.
      if (!promise.starting && promise.continuation) promise.continuation.resume();
    }
    void await_resume() const noexcept {}
  };
  FinalAwaiter final_suspend() const noexcept { return {}; }
};

template <typename T>
class [[nodiscard]] Task;

namespace detail {

template <typename T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <typename U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() {
    if (exception) std::rethrow_exception(exception);
    return std::move(*value);
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const {
    if (exception) std::rethrow_exception(exception);
  }
};

}  // namespace detail

template <typename T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  explicit operator bool() const { return static_cast<bool>(handle_); }

  struct Awaiter {
    Handle child;
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> parent) const {
      auto& promise = child.promise();
      promise.continuation = parent;
      promise.stop_state = static_cast<PromiseBase&>(parent.promise()).stop_state;
      promise.starting = true;
      child.resume();
      promise.starting = false;
      return !child.done();
    }
    T await_resume() const { return child.promise().take(); }
  };
  Awaiter operator co_await() && {
    QUARTET_CHECK(handle_);
    return Awaiter{handle_};
  }

 private:
  Handle handle_;
};

namespace detail {

template <typename T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}

inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

}  // namespace detail
}  // namespace quartet::async
