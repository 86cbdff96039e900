#include "common/service/patience_limit.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "common/log/log.h"

namespace quartet::service {
namespace {

/// After the grace who can end does so within this time: whoever is left waits for the server.
constexpr std::chrono::seconds kLonger{3};

void wait_and_end(const std::stop_token& ended, std::chrono::nanoseconds time, store::Patience& patience) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, ended, time, [&ended] { return ended.stop_requested(); });
  if (ended.stop_requested()) return;
  if (const auto connections = patience.end(); connections != 0)
    log::warn("drain.store_given_up", {{"connections", connections}});
}

}  // namespace

PatienceLimit::PatienceLimit(std::shared_ptr<store::Patience> patience, std::chrono::nanoseconds grace)
    : thread_([patience = std::move(patience), grace](const std::stop_token& ended) {
        wait_and_end(ended, grace + kLonger, *patience);
      }) {}

}  // namespace quartet::service
