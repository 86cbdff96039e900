// A server stream as a chain of steps: send the headers, then again and again ask produce() what to send, with at most
// one write under way. A caller that reads slowly makes the steps rare: that is the back-pressure.
#pragma once
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "common/control/calls.h"

namespace quartet::control {

template <typename Response>
class ResponseStream : public Stream, public std::enable_shared_from_this<ResponseStream<Response>> {
 public:
  explicit ResponseStream(Calls& calls) : calls_(calls) {}

  /// What a handler returns to gRPC.
  static grpc::ServerWriteReactor<Response>* start(std::shared_ptr<ResponseStream> stream) {
    auto* const reactor = new Reactor(stream);
    reactor->begin();
    return reactor;
  }

  void tick() override { wake(); }

  void end(grpc::Status status) override {
    {
      const std::lock_guard lock(mutex_);
      if (!end_) end_ = std::move(status);
    }
    wake();
  }

  /// Something to produce may have come up. Any thread.
  void wake() {
    const std::lock_guard lock(mutex_);
    // Not after the end: pool and server may be gone then. Under the lock, so that the end waits for us.
    if (finished_) return;
    if (queued_) return;
    queued_ = true;
    calls_.submit([self = this->shared_from_this()] { self->advance(); });
  }

 protected:
  enum class Step {
    kWrite,    // `response` is filled: send it
    kLast,     // the same, and that was all
    kNothing,  // until wake() or tick()
    kAgain,    // nothing yet, but there is more to look at
  };
  /// In the pool, one call at a time.
  virtual Step produce(Response& response) = 0;
  /// The call has ended; nothing is produced any more.
  virtual void over() {}

 private:
  class Reactor : public grpc::ServerWriteReactor<Response> {
   public:
    explicit Reactor(std::shared_ptr<ResponseStream> stream) : stream_(std::move(stream)) {}

    void begin() {
      entered_ = stream_->calls_.enter(Calls::Kind::kStream);
      stream_->reactor_ = this;
      this->StartSendInitialMetadata();
      // May end the stream at once when the server is stopping.
      stream_->calls_.add(stream_);
    }
    void OnSendInitialMetadataDone(bool ok) override { stream_->done(ok); }
    void OnWriteDone(bool ok) override { stream_->done(ok); }
    void OnCancel() override { stream_->ResponseStream::end(grpc::Status::CANCELLED); }
    void OnDone() override {
      auto& calls = stream_->calls_;
      const bool entered = entered_;
      stream_->over();
      delete this;
      if (entered) calls.leave(Calls::Kind::kStream);
    }

   private:
    std::shared_ptr<ResponseStream> stream_;
    bool entered_ = false;
  };

  void done(bool ok) {
    {
      const std::lock_guard lock(mutex_);
      busy_ = false;
      if (!ok && !end_) end_ = grpc::Status::CANCELLED;
    }
    wake();
  }

  /// gRPC is called without the lock, as it may call back from within. Nobody else calls it meanwhile: who set `busy_`
  /// or `finished_` is alone, and the reactor lives until what he starts has ended.
  void advance() {
    std::optional<grpc::Status> finish;
    {
      const std::lock_guard lock(mutex_);
      queued_ = false;
      if (finished_) return;
      if (busy_) {
        missed_ = true;
        return;
      }
      if (end_) {
        finished_ = true;
        finish = *end_;
      } else {
        busy_ = true;
      }
    }
    if (finish) return reactor_->Finish(*finish);
    response_.Clear();
    switch (produce(response_)) {
      case Step::kWrite: {
        // What was produced is visible to whoever has the lock next, as done() is called by a thread of gRPC's.
        {
          const std::lock_guard lock(mutex_);
        }
        return reactor_->StartWrite(&response_);
      }
      case Step::kLast: {
        {
          const std::lock_guard lock(mutex_);
          finished_ = true;
        }
        return reactor_->StartWriteAndFinish(&response_, {}, grpc::Status::OK);
      }
      case Step::kNothing:
        return rest(false);
      case Step::kAgain:
        return rest(true);
    }
  }

  void rest(bool again) {
    {
      const std::lock_guard lock(mutex_);
      busy_ = false;
      again = again || missed_ || end_;
      missed_ = false;
    }
    if (again) wake();
  }

  Calls& calls_;
  Reactor* reactor_ = nullptr;
  Response response_;
  std::mutex mutex_;
  bool busy_ = true;                 // a step of gRPC or of produce() is under way; at first the headers
  bool queued_ = false;              // advance() waits in the pool
  bool missed_ = false;              // woken while produce() ran
  bool finished_ = false;            // the last thing was said to gRPC
  std::optional<grpc::Status> end_;  // asked for
};

}  // namespace quartet::control
