#include "common/control/acceptance.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "common/log/log.h"

namespace quartet::control {

Acceptance::Acceptance(int listener) : listener_(listener), wake_(::eventfd(0, EFD_CLOEXEC)) {}

Acceptance::~Acceptance() {
  stop();
  ::close(listener_);
  if (wake_ >= 0) ::close(wake_);
}

void Acceptance::start(std::string where, std::function<void(int)> take) {
  where_ = std::move(where);
  take_ = std::move(take);
  thread_ = std::thread([this] { accept_all(); });
}

void Acceptance::stop() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  // An eventfd that counts from 0 takes this at once.
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
  thread_.join();
}

void Acceptance::accept_all() {
  pollfd waits[] = {{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
  for (;;) {
    if (::poll(waits, 2, -1) < 0) continue;
    if (waits[0].revents != 0) return;
    const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      take_(descriptor);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      log::warn("control.accept_failed", {{"socket", where_}, {"error", std::strerror(errno)}});
      // The connection stays in the backlog: to look again at once would burn a processor.
      if (::poll(waits, 1, 200) > 0) return;
    }
  }
}

}  // namespace quartet::control
