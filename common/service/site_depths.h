// How much of the queue waits for each site, and since when: quartet_queue_site_recipients.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/async/thread_pool.h"
#include "common/base/time.h"
#include "common/metrics/metrics.h"
#include "common/spool/query.h"

namespace quartet::relay {
class Relay;
}
namespace quartet::spool {
class Spool;
}

namespace quartet::service {

/// The groups of a shape by recipient domain, as members of the metric: by the site that `site_of` gives, those with
/// most recipients; all others together are the site "other".
std::vector<std::pair<metrics::Labels, double>> site_depths(
    const std::vector<spool::Shape::Group>& groups, const std::function<std::string(const std::string&)>& site_of,
    std::size_t sites);

/// Walks the index on a thread of its own, and rests so long in between that it costs next to nothing.
class SiteDepths {
 public:
  /// Both outlive this.
  SiteDepths(const spool::Spool& spool, const relay::Relay& relay) : spool_(spool), relay_(relay) {}
  /// Begins to count anew if it is time; the metric follows. Any thread.
  void refresh();

 private:
  void count();

  const spool::Spool& spool_;
  const relay::Relay& relay_;
  std::atomic<bool> counting_ = false;
  std::atomic<SteadyTime> next_{SteadyTime{}};
  async::ThreadPool pool_{"site-depths", 1};
};

}  // namespace quartet::service
