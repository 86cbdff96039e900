// The hint by which another process tells the owner of a spool that there is something new: an empty datagram to a UNIX
// socket in the spool's directory. It may get lost; the owner looks by itself as well.
#pragma once
#include <chrono>
#include <filesystem>
#include <memory>

#include "common/journal/files.h"

namespace quartet::spool {

/// The owner's side.
class Waker {
 public:
  explicit Waker(const std::filesystem::path& directory);
  ~Waker();

  /// Until a hint comes, stop() is called or the time is over.
  void wait(std::chrono::milliseconds longest);
  void stop();

 private:
  std::filesystem::path path_;
  journal::Fd socket_;  // may be missing (a path too long for a socket): then only the time ends a wait
  journal::Fd stop_;
};

/// Another process's side: says there is something new.
class WakeHint {
 public:
  explicit WakeHint(const std::filesystem::path& directory);
  void send() const;

 private:
  std::filesystem::path path_;
  journal::Fd socket_;
};

}  // namespace quartet::spool
