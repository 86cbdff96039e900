// When the upstreams of an mta are asked for our mail: at the start, by the clock, when mail goes out to their host,
// when somebody triggers it, and after a failure by back-off. One request to each at a time.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/async/task_group.h"
#include "common/relay/upstreams.h"
#include "mta/upstream.h"

namespace quartet::mta {

class Upstreams final : public relay::Upstreams {
 public:
  /// What a request tells while it runs. Any thread.
  struct Progress {
    std::atomic<bool> receiving = false;  // the connection is turned around
    std::atomic<std::uint64_t> received = 0;
  };
  /// Makes one request, on the loop; both outlive it.
  using Ask = std::function<async::Task<Asked>(const Upstream& upstream, Progress& progress)>;
  struct Pace {
    std::chrono::milliseconds first_pause{5'000};  // after a failure; doubles with each
    std::chrono::milliseconds longest_pause{15 * 60'000};
    std::chrono::milliseconds good_connection{60'000};  // one that lasted so long, or brought mail, was no failure
    std::chrono::milliseconds after_outbound{60'000};   // between requests that are made because mail goes out
    double jitter = 0.1;
  };

  /// `loop` outlives the object, stop() comes before its destruction.
  Upstreams(async::Loop& loop, std::vector<Upstream> upstreams, Ask ask, Pace pace);
  ~Upstreams() override;

  /// The first requests. Not from a loop, like set() and stop().
  void start();
  /// Others from now on: those whose configuration is the same go on as they are. A request that runs goes on to its
  /// end, and only then its successor of the same name begins.
  void set(std::vector<Upstream> upstreams);
  /// No new request; running ones get `grace` to end, then they are stopped. Blocks.
  void stop(std::chrono::seconds grace);

  /// A connection for mail to `host` was opened, so the way there is open. On the loop.
  void connected(const std::string& host);

  std::vector<relay::UpstreamStatus> upstreams() const override;
  std::optional<std::uint64_t> trigger(const std::string& name) override;

 private:
  struct Entry;
  using EntryPtr = std::shared_ptr<Entry>;  // of the list, and of the task that keeps it
  static EntryPtr make_entry(Upstream upstream);
  async::Task<void> keep(EntryPtr entry, EntryPtr predecessor);
  async::Task<void> close(std::chrono::seconds grace, std::promise<void>& ended);
  async::Deadline ended(Entry& entry, Asked asked, bool good);
  std::chrono::milliseconds about(std::chrono::milliseconds time) const;

  async::Loop& loop_;
  Ask ask_;
  Pace pace_;
  mutable std::mutex mutex_;  // guards the list and the status of each entry
  std::vector<EntryPtr> entries_;
  std::unique_ptr<async::TaskGroup> keepers_;  // the loop's, like the following
  std::unique_ptr<async::TaskGroup> closing_;
  bool stopping_ = false;
};

}  // namespace quartet::mta
