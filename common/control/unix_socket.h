// The UNIX socket of the control plane: who may connect is decided by its permissions, which hold from the first moment
// on; the file of a process that is gone is replaced, the socket of one that lives is not.
#pragma once
#include <sys/types.h>

#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "common/control/acceptance.h"

namespace quartet::control {

class UnixSocket {
 public:
  /// Listens on `path`. The error is one line for the operator.
  static std::expected<std::unique_ptr<UnixSocket>, std::string> open(const std::string& path, unsigned mode);
  ~UnixSocket();
  UnixSocket(const UnixSocket&) = delete;
  UnixSocket& operator=(const UnixSocket&) = delete;

  /// Gives each connection, a non-blocking descriptor, to `take`, on a thread of its own, until the destruction.
  void start(std::function<void(int descriptor)> take);

 private:
  UnixSocket(std::string path, int listener) : path_(std::move(path)), acceptance_(listener) {}

  std::string path_;
  Acceptance acceptance_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace quartet::control
