// A spool of our own with the relay that empties it, on a thread of its own: neither busy sessions nor a slow disk
// keep it from its work. What msa, mta and mda have in common when they send mail on.
#pragma once
#include <chrono>
#include <expected>
#include <filesystem>
#include <future>
#include <memory>
#include <string>

#include "common/async/loop_threads.h"
#include "common/async/task_group.h"
#include "common/relay/relay.h"
#include "common/service/agent.h"
#include "common/spool/spool.h"

namespace quartet::service {

class Queue {
 public:
  /// Opens the spool; the error is one line for the operator. Damage that was found is logged, and the queue works all
  /// the same. The relay runs on `loop`, which outlives the queue; null: on a thread of the queue's own.
  static std::expected<std::unique_ptr<Queue>, std::string> open(const std::filesystem::path& directory,
                                                                 relay::Options options,
                                                                 std::shared_ptr<const relay::Router> router,
                                                                 async::Loop* loop = nullptr);
  ~Queue();  // stop(0)

  /// Begins to deliver.
  void start();
  /// Takes no new work; running transactions get `grace` to end. Does not wait: sessions may end meanwhile, and the
  /// spool still takes what they bring.
  void wind_down(std::chrono::seconds grace);
  /// Running transactions get `grace` to end, then the spool is closed. Blocks; not from a loop.
  void stop(std::chrono::seconds grace);

  spool::Spool& spool() { return *spool_; }
  relay::Relay& relay() { return *relay_; }

  /// Why the queue takes nothing; empty if it does. Any thread.
  std::string trouble() const;

 private:
  Queue() = default;

  std::unique_ptr<spool::Spool> spool_;
  std::unique_ptr<relay::Relay> relay_;
  std::unique_ptr<async::LoopThreads> thread_;
  async::Loop* loop_ = nullptr;
  std::promise<void> ended_;                   // by the relay
  std::unique_ptr<async::TaskGroup> running_;  // on that thread's loop
};

}  // namespace quartet::service
