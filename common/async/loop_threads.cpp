#include "common/async/loop_threads.h"

#include <future>

#include "common/async/wait.h"
#include "common/base/check.h"

namespace quartet::async {
namespace {

Task<void> until_set(Event& event) { co_await event.wait_uncancellable(); }

}  // namespace

struct LoopThreads::Worker {
  Loop loop;
  Event stop;
  std::jthread thread;
};

LoopThreads::LoopThreads(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    auto& worker = *workers_.emplace_back(std::make_unique<Worker>());
    std::promise<void> running;
    worker.loop.post([&running] { running.set_value(); });
    worker.thread = std::jthread([&worker] { worker.loop.block_on(until_set(worker.stop)); });
    running.get_future().wait();
  }
}

LoopThreads::~LoopThreads() {
  for (const auto& worker : workers_) worker->loop.post([&stop = worker->stop] { stop.set(); });
  for (const auto& worker : workers_) worker->thread.join();
}

Loop& LoopThreads::operator[](std::size_t index) {
  QUARTET_CHECK(index < workers_.size());
  return workers_[index]->loop;
}

}  // namespace quartet::async
