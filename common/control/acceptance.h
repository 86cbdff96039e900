// A listening socket of the control plane, and the thread that takes its connections.
#pragma once
#include <functional>
#include <string>
#include <thread>

namespace quartet::control {

class Acceptance {
 public:
  /// Takes `listener`, a non-blocking descriptor, and closes it in the end. errno says why it is not ok() afterwards.
  explicit Acceptance(int listener);
  /// stop()
  ~Acceptance();
  Acceptance(const Acceptance&) = delete;
  Acceptance& operator=(const Acceptance&) = delete;

  bool ok() const { return wake_ >= 0; }

  /// Gives each connection, a non-blocking descriptor, to `take`, on a thread of its own. While the process has no
  /// descriptor left connections wait. `where` is for the log.
  void start(std::string where, std::function<void(int descriptor)> take);
  /// Takes no more; the socket stays. Waits for `take`.
  void stop();

 private:
  void accept_all();

  const int listener_;
  const int wake_;  // readable: the thread is to end
  std::string where_;
  std::function<void(int)> take_;
  std::thread thread_;
};

}  // namespace quartet::control
