// Hub: spreads hints that something changed, to the watchers of this process and to the other processes on the store.
//
// A hint is (shard, account, mailbox), never data. Between processes it is a datagram on a UNIX socket in the store's
// directory `hints`; a process has one only once it watches something. Lost datagrams are made good by polling.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "common/async/loop.h"
#include "common/store/types.h"
#include "common/store/watcher.h"

namespace quartet::store {

struct Hint {
  std::int64_t account = 0;
  std::int64_t mailbox = 0;  // 0: the tree of mailboxes
  friend auto operator<=>(const Hint&, const Hint&) = default;
};

struct Watcher::Target {
  async::Loop* loop = nullptr;
  MailboxRef what;  // mailbox 0: the whole account
  async::Event event;
  bool alive = true;  // loop thread only
  std::atomic<bool> posted = false;
};

class Hub : public std::enable_shared_from_this<Hub> {
 public:
  /// Gives the modseq of an account, or 0 if it cannot be read now. Called from the hub's thread.
  using Probe = std::function<std::uint64_t(std::uint32_t shard, std::int64_t account)>;

  /// Shards are counted from `first_shard` by those who call, and from 0 in what goes to other processes.
  Hub(std::string directory, std::chrono::milliseconds poll_interval, Probe probe, std::uint32_t first_shard = 0);
  ~Hub();
  /// Ends the thread; no probe is called afterwards. Watchers may live on, unwoken.
  void stop();

  std::unique_ptr<Watcher> watch(MailboxRef what);
  void unwatch(const std::shared_ptr<Watcher::Target>& target);

  /// After a commit, from any thread. Never blocks.
  void publish(std::uint32_t shard, const std::vector<Hint>& hints);
  /// Wakes the watchers of this process.
  void notify(std::uint32_t shard, Hint hint);

  /// Gets what publish() gets, until what it gives ends.
  using Take = std::function<void(std::span<const MailboxRef>)>;
  std::shared_ptr<void> follow(Take take);

 private:
  struct Account {
    std::uint64_t modseq = 0;  // as last probed; 0 at first, so the first poll wakes in any case
    std::vector<std::shared_ptr<Watcher::Target>> targets;
  };
  using Key = std::pair<std::uint32_t, std::int64_t>;

  void start_receiving();
  void run();
  void receive();
  void poll_accounts();
  void tell_followers(std::uint32_t shard, const std::vector<Hint>& hints);
  static void wake(const std::shared_ptr<Watcher::Target>& target);
  void refresh_peers();
  void send(std::string_view datagram);

  const std::string directory_;
  const std::chrono::milliseconds poll_interval_;
  const Probe probe_;
  const std::uint32_t first_shard_;
  int directory_fd_ = -1;
  int send_fd_ = -1;

  std::mutex mutex_;  // guards what follows
  std::map<Key, Account> accounts_;
  std::string own_name_;
  int receive_fd_ = -1;
  int wake_fd_ = -1;
  bool stopping_ = false;
  std::thread thread_;

  std::mutex followers_mutex_;
  std::vector<std::weak_ptr<const Take>> followers_;

  std::mutex peers_mutex_;
  std::vector<std::string> peers_;
  std::int64_t peers_stamp_ = -1;  // modification time of the directory when it was read
};

}  // namespace quartet::store
