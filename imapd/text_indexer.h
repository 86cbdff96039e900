// Fills the index of texts, on a thread of its own and behind all else: what has come into the mailboxes is cut into
// words in batches, and segments are put together as they become many. Whatever ends it loses only work.
//
// Of several processes on a store one fills each shard. New messages wait until they are many enough to be worth a
// segment: as few as that are looked through in no time.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/async/task.h"
#include "common/store/store.h"
#include "common/store/text_shelf.h"
#include "imapd/text_index.h"
#include "imapd/text_merge_plan.h"

namespace quartet::imapd {

class TextIndexer {
 public:
  struct Options {
    std::chrono::milliseconds interval{10'000};   // between two looks at what has come
    std::size_t worth_messages = 64;              // so many that wait are indexed,
    std::uint64_t worth_bytes = 1024 * 1024;      // or so many octets of them
    std::size_t batch_messages = 512;             // of one segment as it is first made
    std::size_t batch_octets = 16 * 1024 * 1024;  // in memory meanwhile
    std::uint64_t most_text = 8 * 1024 * 1024;    // of a message; longer ones are not indexed
    std::chrono::seconds turn{120};               // after which another process takes over from one that is gone
    std::chrono::seconds keep_replaced{600};      // for searches that have begun with them
    MergeLimits merge{};
  };
  /// Both outlive it.
  TextIndexer(store::Store& store, TextIndex& index, Options options);
  ~TextIndexer();  // ends after the batch under way

  /// The thread. Without it, pass() is to be called.
  void start();
  /// Looks after all that has come, once.
  async::Task<void> pass();

 private:
  /// What is known of an account beyond what the shelf keeps.
  struct Account {
    std::uint64_t indexed = 0;                // as on the shelf
    std::uint64_t checked = 0;                // modseq up to which all messages are covered, or in `waiting`
    std::vector<store::TextMessage> waiting;  // came or changed; ascending
  };
  struct ShardState {
    std::map<std::int64_t, Account> accounts;
    bool counted = false;  // what follows
    std::uint64_t waiting = 0, covered = 0, bytes = 0;
  };

  void run();
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }
  async::Task<void> look_after_shard(std::uint32_t shard);
  async::Task<void> look_after(store::TextAccount account, Account& state);
  async::Task<bool> keep_turn(std::uint32_t shard);
  bool is_worth(const Account& state) const;
  /// What came or changed is added to what waits. False: it cannot be listed now.
  async::Task<bool> find_new(store::TextAccount account, Account& state);
  async::Task<std::vector<store::ObjectId>> covered(store::MailboxRef account);
  async::Task<bool> index_waiting(store::MailboxRef account, Account& state);
  /// Puts the texts of some messages, from `next` on, into a segment. False: it cannot be kept.
  async::Task<bool> index_batch(store::MailboxRef account, const std::vector<store::TextMessage>& messages,
                                std::size_t& next);
  /// Null for those that are gone or cannot be read.
  async::Task<std::vector<store::Bytes>> read(store::MailboxRef account, std::vector<store::ObjectId> objects);
  async::Task<void> merge(store::TextAccount account);
  /// Those that are mostly about messages that are gone.
  async::Task<std::vector<store::TextSegment>> sparse(store::TextAccount account,
                                                      const std::vector<store::TextSegment>& segments);
  async::Task<bool> merge_into_one(store::TextAccount account, std::vector<store::TextSegment> segments);
  void show_figures();
  static void failed(std::uint32_t shard, const store::StoreError& error);

  store::Store& store_;
  TextIndex& index_;
  store::TextShelf& shelf_;
  const Options options_;
  const std::int64_t owner_;
  std::map<std::uint32_t, ShardState> shards_;  // those whose turn is ours
  std::chrono::steady_clock::time_point turn_taken_{};
  std::chrono::steady_clock::time_point swept_{};

  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace quartet::imapd
