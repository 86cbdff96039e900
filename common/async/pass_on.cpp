#include "common/async/pass_on.h"

namespace quartet::async {

Task<void> pass_on(Event& from, Event& to) {
  const auto waited = co_await from.wait(Deadline::never());
  if (waited == Wait::kReady) to.set();
}

}  // namespace quartet::async
