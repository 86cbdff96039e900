// Which accounts have their maildrop open by POP3: one session at a time has it (RFC 1939 section 4), among all
// processes of this host that work on the store, as a lock of the kernel tells that ends with its process.
#pragma once
#include <expected>
#include <memory>
#include <string>

#include "common/service/tally.h"

namespace quartet::imapd {

class Maildrops {
 public:
  /// `file` is made if it is missing, and stays empty. The error is one line for the operator.
  static std::expected<std::unique_ptr<Maildrops>, std::string> open(const std::string& file);
  ~Maildrops();
  Maildrops(const Maildrops&) = delete;
  Maildrops& operator=(const Maildrops&) = delete;

  /// False if somebody has it. Any thread.
  bool enter(const std::string& account);
  /// For each enter() that said true.
  void leave(const std::string& account);

 private:
  explicit Maildrops(int fd) : fd_(fd) {}
  bool set_lock(const std::string& account, short type) const;

  const int fd_;
  service::Tally here_;  // among sessions of this process, between which the kernel sees no difference
};

}  // namespace quartet::imapd
