#include "common/async/loop.h"

#include <signal.h>
#include <uv.h>

#include <mutex>

#include "common/base/check.h"

namespace quartet::async {
namespace {

thread_local Loop* running_loop = nullptr;

/// libuv writes without MSG_NOSIGNAL: else a peer that is gone would end the process.
void ignore_sigpipe() {
  static std::once_flag once;
  std::call_once(once, [] { ::signal(SIGPIPE, SIG_IGN); });
}

}  // namespace

struct Loop::Native {
  uv_loop_t loop;
  uv_async_t wake;
  uv_timer_t timer;
  uv_idle_t idle;  // active while coroutines wait in ready_, so that the loop does not sleep over them
};

Loop::Loop() : native_(std::make_unique<Native>()) {
  ignore_sigpipe();
  QUARTET_CHECK(uv_loop_init(&native_->loop) == 0);
  QUARTET_CHECK(uv_async_init(&native_->loop, &native_->wake,
                              [](uv_async_t* handle) { static_cast<Loop*>(handle->data)->run_posted(); }) == 0);
  QUARTET_CHECK(uv_timer_init(&native_->loop, &native_->timer) == 0);
  QUARTET_CHECK(uv_idle_init(&native_->loop, &native_->idle) == 0);
  native_->wake.data = native_->timer.data = native_->idle.data = this;
}

Loop::~Loop() {
  QUARTET_CHECK(!is_running_here());
  running_loop = this;
  // What is posted or resumed here may post and schedule in its turn.
  while (run_posted() || !ready_.empty()) run_ready();
  for (auto* handle : {reinterpret_cast<uv_handle_t*>(&native_->wake), reinterpret_cast<uv_handle_t*>(&native_->timer),
                       reinterpret_cast<uv_handle_t*>(&native_->idle)}) {
    uv_close(handle, nullptr);
  }
  // Close callbacks need a turn or two; what is then still open was leaked, and uv_loop_close() below says so.
  for (int turn = 0; turn < 100 && uv_run(&native_->loop, UV_RUN_NOWAIT) != 0; ++turn) {
  }
  running_loop = nullptr;
  QUARTET_CHECK(uv_loop_close(&native_->loop) == 0);
}

Loop& Loop::current() {
  QUARTET_CHECK(running_loop != nullptr);
  return *running_loop;
}

bool Loop::is_running_here() { return running_loop != nullptr; }

uv_loop_s* Loop::native() { return &native_->loop; }

void Loop::post(std::move_only_function<void()> function) {
  bool first;
  {
    const std::lock_guard lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(function));
    // Under the lock: once the loop can take the function, it may also end, and with it the handle.
    if (first) uv_async_send(&native_->wake);
  }
}

bool Loop::run_posted() {
  std::vector<std::move_only_function<void()>> batch;
  {
    const std::lock_guard lock(mutex_);
    batch.swap(posted_);
  }
  for (auto& function : batch) function();
  return !batch.empty();
}

void Loop::schedule(std::coroutine_handle<> handle) {
  if (ready_.empty()) {
    uv_idle_start(&native_->idle, [](uv_idle_t* idle) { static_cast<Loop*>(idle->data)->run_ready(); });
  }
  ready_.push_back(handle);
}

void Loop::run_ready() {
  // Only those queued so far: what they schedule runs on the next turn, after I/O had its chance.
  for (auto count = ready_.size(); count > 0; --count) {
    const auto handle = ready_.front();
    ready_.pop_front();
    handle.resume();
  }
  if (ready_.empty()) uv_idle_stop(&native_->idle);
}

void Loop::arm(TimerNode& node, SteadyTime time) {
  timers_.arm(node, time);
  if (time < armed_for_) update_timer();
}

void Loop::fire_timers() {
  armed_for_ = SteadyTime::max();
  timers_.fire(std::chrono::steady_clock::now());
  update_timer();
}

void Loop::update_timer() {
  if (timers_.empty()) return;
  const auto next = timers_.next();
  if (next >= armed_for_) return;
  armed_for_ = next;
  const auto now = std::chrono::steady_clock::now();
  const auto wait = next <= now ? 0 : std::chrono::ceil<std::chrono::milliseconds>(next - now).count();
  uv_update_time(&native_->loop);
  uv_timer_start(
      &native_->timer, [](uv_timer_t* timer) { static_cast<Loop*>(timer->data)->fire_timers(); },
      static_cast<std::uint64_t>(wait), 0);
}

void Loop::run_until(const bool& done) {
  QUARTET_CHECK(!is_running_here());
  running_loop = this;
  while (!done) uv_run(&native_->loop, UV_RUN_ONCE);
  running_loop = nullptr;
}

}  // namespace quartet::async
