#include "common/relay/gate.h"

namespace quartet::relay {

async::Task<bool> Gate::enter(std::uint64_t octets, async::Deadline deadline) {
  if (line_.empty() && fits(octets)) {
    used_ += octets;
    co_return true;
  }
  Waiting waiting{octets, {}};
  line_.push_back(&waiting);
  co_await waiting.admitted.wait(deadline);
  // Room may have come between the end of the wait and this line: then it is taken.
  if (waiting.admitted.is_set()) co_return true;
  std::erase(line_, &waiting);
  let_in();
  co_return false;
}

void Gate::leave(std::uint64_t octets) {
  used_ -= octets;
  let_in();
}

void Gate::set_limit(std::uint64_t limit) {
  limit_ = limit;
  let_in();
}

void Gate::let_in() {
  while (!line_.empty() && fits(line_.front()->octets)) {
    auto* const next = line_.front();
    line_.pop_front();
    used_ += next->octets;
    next->admitted.set();
  }
}

}  // namespace quartet::relay
