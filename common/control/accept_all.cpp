#include "common/control/accept_all.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "common/log/log.h"

namespace quartet::control {

void accept_all(const std::string& where, int listener, int wake, const std::function<void(int descriptor)>& take) {
  pollfd waits[] = {{wake, POLLIN, 0}, {listener, POLLIN, 0}};
  for (;;) {
    if (::poll(waits, 2, -1) < 0) continue;
    if (waits[0].revents != 0) return;
    const int descriptor = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      take(descriptor);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      log::warn("control.accept_failed", {{"socket", where}, {"error", std::strerror(errno)}});
      // The connection stays in the backlog: to look again at once would burn a processor.
      if (::poll(waits, 1, 200) > 0) return;
    }
  }
}

}  // namespace quartet::control
