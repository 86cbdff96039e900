#include "common/net/wire.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <vector>

namespace quartet::net {
namespace {

std::atomic<bool> watched = false;
std::atomic<std::uint64_t> last_session = 0;

struct Watchers {
  std::shared_mutex mutex;
  std::vector<std::shared_ptr<WireWatcher>> all;
};

Watchers& watchers() {
  static Watchers instance;
  return instance;
}

void remove(const WireWatcher* watcher) {
  auto& list = watchers();
  const std::unique_lock lock(list.mutex);
  std::erase_if(list.all, [watcher](const auto& each) { return each.get() == watcher; });
  watched = !list.all.empty();
}

}  // namespace

std::shared_ptr<void> watch_wire(std::shared_ptr<WireWatcher> watcher) {
  auto& list = watchers();
  const std::unique_lock lock(list.mutex);
  auto* const key = watcher.get();
  list.all.push_back(std::move(watcher));
  watched = true;
  return {key, [](const WireWatcher* gone) { remove(gone); }};
}

bool wire_is_watched() { return watched.load(std::memory_order_relaxed); }

void publish(const WireLine& line) {
  auto& list = watchers();
  const std::shared_lock lock(list.mutex);
  for (const auto& watcher : list.all) watcher->take(line);
}

std::uint64_t next_wire_session() { return ++last_session; }

}  // namespace quartet::net
