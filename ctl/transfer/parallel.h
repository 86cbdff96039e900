// Work on many messages by all processors at once.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace quartet::transfer {

/// Calls `work(n)` for each n below `count`, from several threads, in no order. Blocks until all is done; must not
/// throw.
template <typename F>
void in_parallel(std::size_t count, const F& work) {
  constexpr std::size_t kMostThreads = 8;
  std::atomic<std::size_t> next = 0;
  const auto run = [&] {
    for (auto n = next++; n < count; n = next++) work(n);
  };
  const auto threads = std::min({count, kMostThreads, std::size_t{std::thread::hardware_concurrency()}});
  std::vector<std::jthread> others;  // joined before `next` goes
  for (std::size_t n = 1; n < threads; ++n) others.emplace_back(run);
  run();
}

}  // namespace quartet::transfer
