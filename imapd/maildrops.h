// Which accounts have their maildrop open by POP3: one session at a time has it (RFC 1939 section 4). Among the
// processes of this host that work on the store a lock of the kernel tells, which ends with its process; among hosts
// that share a store a lease in it, in the name of the host.
#pragma once
#include <chrono>
#include <expected>
#include <memory>
#include <string>

#include "common/async/task.h"
#include "common/service/tally.h"
#include "common/store/store.h"

namespace quartet::imapd {

class Maildrops {
 public:
  struct Times {
    std::chrono::milliseconds lease{60'000};  // how long the other hosts wait for one that has died
    std::chrono::milliseconds renewal{20'000};
  };

  /// `file` is made if it is missing; it has the name of the host for the leases. `store` outlives this. The error is
  /// one line for the operator.
  static std::expected<std::unique_ptr<Maildrops>, std::string> open(const std::string& file, store::Store& store) {
    return open(file, store, Times());
  }
  static std::expected<std::unique_ptr<Maildrops>, std::string> open(const std::string& file, store::Store& store,
                                                                     Times times);
  ~Maildrops();
  Maildrops(const Maildrops&) = delete;
  Maildrops& operator=(const Maildrops&) = delete;

  /// False if somebody has it. These may be called from any loop.
  async::Task<store::Result<bool>> enter(std::string account);
  /// From enter() to leave(), each Times::renewal: false if another host has it now, as it was not renewed in time.
  async::Task<store::Result<bool>> renew(std::string account);
  std::chrono::milliseconds renewal() const { return times_.renewal; }
  /// How long what was renewed is ours.
  std::chrono::milliseconds lease() const { return times_.lease; }
  /// For each enter() that said true.
  async::Task<void> leave(std::string account);

 private:
  Maildrops(int fd, std::string host, store::Store& store, Times times)
      : fd_(fd), host_(std::move(host)), store_(store), times_(times) {}
  bool lock(const std::string& account);
  void unlock(const std::string& account);
  bool set_lock(const std::string& account, short type) const;

  const int fd_;
  const std::string host_;
  store::Store& store_;
  const Times times_;
  service::Tally here_;  // among sessions of this process, between which the kernel sees no difference
};

}  // namespace quartet::imapd
