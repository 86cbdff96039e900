// The calls under way, and the threads that work on them. gRPC's own threads only hand over: what walks an index or
// reads a file runs in the pool, and so never on a loop either.
#pragma once
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "common/async/thread_pool.h"
#include "common/control/access.h"

namespace quartet::control {

/// A response stream that somebody outside its call must be able to move on or end. Any thread.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void tick() = 0;
  virtual void end(grpc::Status status) = 0;
};

class Calls {
 public:
  explicit Calls(Access access = Access()) : access_(std::move(access)), pool_("control", 2) {}

  const Access& access() const { return access_; }

  /// A stream goes on for as long as its caller likes; all else ends by itself.
  enum class Kind { kAnswer, kStream };
  /// Counts one call; false when the server is stopping, and then leave() is not due.
  bool enter(Kind kind);
  void leave(Kind kind);
  bool closing() const { return closing_; }

  void submit(std::move_only_function<void()> job) { pool_.submit(std::move(job)); }

  /// Until it is gone, `stream` gets ticks; an end at once if the server is stopping.
  void add(const std::shared_ptr<Stream>& stream);
  void tick();

  /// Refuses new calls, ends the streams, and waits up to `grace` for all calls to end; but not for streams whose
  /// caller does not read: those are left to be cut.
  void close(std::chrono::milliseconds grace);

 private:
  std::vector<std::shared_ptr<Stream>> streams();

  const Access access_;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::array<std::size_t, 2> running_{};  // by Kind
  std::atomic<bool> closing_ = false;
  std::vector<std::weak_ptr<Stream>> streams_;
  async::ThreadPool pool_;
};

grpc::Status stopping();

/// A stream that only says why there is none.
template <typename Response>
grpc::ServerWriteReactor<Response>* refuse_stream(grpc::Status status) {
  class Refusal final : public grpc::ServerWriteReactor<Response> {
   public:
    explicit Refusal(grpc::Status why) { this->Finish(std::move(why)); }
    void OnDone() override { delete this; }
  };
  return new Refusal(std::move(status));
}

/// Answers a unary call of somebody who has the role with what `function` returns, a grpc::Status. It runs in the pool;
/// what it refers to of the call (request and response) is there until then.
template <typename F>
grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext* context, Calls& calls, Role role, F function) {
  auto* const reactor = context->DefaultReactor();
  if (auto allowed = calls.access().check(*context, role); !allowed.ok()) {
    reactor->Finish(std::move(allowed));
    return reactor;
  }
  if (!calls.enter(Calls::Kind::kAnswer)) {
    reactor->Finish(stopping());
    return reactor;
  }
  calls.submit([reactor, &calls, function = std::move(function)]() mutable {
    auto status = function();
    reactor->Finish(std::move(status));
    calls.leave(Calls::Kind::kAnswer);
  });
  return reactor;
}

/// Where no role is named, only administrators are answered.
template <typename F>
grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext* context, Calls& calls, F function) {
  return answer(context, calls, Role::kAdmin, std::move(function));
}

}  // namespace quartet::control
