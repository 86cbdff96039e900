// A unary call that is finished elsewhere, such as on the relay's loop: meanwhile it holds no thread of the pool.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "common/control/calls.h"

namespace quartet::control {

/// Whoever is to finish it keeps a reference; once nobody does, it is finished as that of an agent that stops. Any
/// thread.
template <typename Response>
class Deferred final : public Stream, public std::enable_shared_from_this<Deferred<Response>> {
 public:
  /// `response` is gRPC's, and is there until the call is finished. Who has not the role is refused: then, and when the
  /// agent is stopping, over() is true at once.
  static std::shared_ptr<Deferred> begin(grpc::CallbackServerContext* context, Calls& calls, Role role,
                                         Response* response) {
    auto call = std::shared_ptr<Deferred>(new Deferred(context->DefaultReactor(), calls, response));
    auto allowed = calls.access().check(*context, role);
    if (allowed.ok() && !calls.enter(Calls::Kind::kAnswer)) allowed = stopping();
    if (!allowed.ok()) {
      call->finished_ = true;
      call->reactor_->Finish(std::move(allowed));
    } else {
      calls.add(call);
    }
    return call;
  }
  ~Deferred() override { Deferred::end(stopping()); }

  /// Where no role is named, only administrators are answered.
  static std::shared_ptr<Deferred> begin(grpc::CallbackServerContext* context, Calls& calls, Response* response) {
    return begin(context, calls, Role::kAdmin, response);
  }

  bool over() {
    const std::lock_guard lock(mutex_);
    return finished_;
  }

  /// What the handler returns.
  grpc::ServerUnaryReactor* reactor() const { return reactor_; }

  /// `fill` sets the response and gives the status; it is not called if the call has ended meanwhile.
  template <typename F>
  void finish(F fill) {
    if (!claim()) return;
    auto status = fill(*response_);
    reactor_->Finish(std::move(status));
    calls_.leave(Calls::Kind::kAnswer);
  }
  void end(grpc::Status status) override {
    finish([&status](Response&) { return std::move(status); });
  }
  void tick() override {
    const std::lock_guard lock(mutex_);
    if (!finished_ && at_tick_) calls_.submit(std::exchange(at_tick_, nullptr));
  }

  /// As submit(), but not before a moment has passed.
  template <typename F>
  void submit_later(F job) {
    const std::lock_guard lock(mutex_);
    if (!finished_) at_tick_ = std::move(job);
  }

  /// Goes on in the pool, unless the call has ended.
  template <typename F>
  void submit(F job) {
    const std::lock_guard lock(mutex_);
    if (!finished_) calls_.submit([self = this->shared_from_this(), job = std::move(job)]() mutable { job(); });
  }

 private:
  Deferred(grpc::ServerUnaryReactor* reactor, Calls& calls, Response* response)
      : reactor_(reactor), calls_(calls), response_(response) {}

  /// Whether the caller is the one who finishes it. The server waits for him.
  bool claim() {
    std::move_only_function<void()> dropped;  // it may be the last to refer to us: it ends without the lock
    const std::lock_guard lock(mutex_);
    dropped = std::exchange(at_tick_, nullptr);
    return !std::exchange(finished_, true);
  }

  grpc::ServerUnaryReactor* const reactor_;
  Calls& calls_;
  Response* const response_;
  std::mutex mutex_;
  bool finished_ = false;
  std::move_only_function<void()> at_tick_;  // a reference to us until it runs, or until the call ends
};

}  // namespace quartet::control
