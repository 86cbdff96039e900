#include "imapd/input.h"

#include <utility>

#include "common/async/task_group.h"

namespace quartet::imapd {

async::Task<bool> Input::fill(std::chrono::seconds timeout) {
  co_await output_.flush();
  if (output_.failed()) {
    end_ = End::kPeerLost;
    co_return false;
  }
  co_return co_await read(timeout);
}

namespace {

async::Task<void> read_into(Input& input, std::chrono::seconds timeout, bool& more, async::Event& over) {
  more = co_await input.read(timeout);
  over.set();
}

async::Task<void> pass_on(async::Event& from, async::Event& to) {
  const auto waited = co_await from.wait(async::Deadline::never());
  if (waited == async::Wait::kReady) to.set();
}

}  // namespace

async::Task<bool> Input::fill_unless(std::chrono::seconds timeout, std::vector<async::Event*> enough) {
  if (enough.empty()) co_return co_await fill(timeout);
  co_await output_.flush();
  if (output_.failed()) {
    end_ = End::kPeerLost;
    co_return false;
  }
  bool more = false;
  async::Event over;
  async::TaskGroup group;
  group.spawn(read_into(*this, timeout, more, over));
  for (auto* event : enough) group.spawn(pass_on(*event, over));
  co_await over.wait(async::Deadline::never());
  co_await group.close();
  co_return more;
}

async::Task<bool> Input::read(std::chrono::seconds timeout) {
  const auto bytes = co_await stream_->read_some(async::Deadline::after(timeout));
  if (bytes) {
    reader_.feed(*bytes);
    co_return true;
  }
  switch (bytes.error().code) {
    case net::IoCode::kTimedOut:
      end_ = End::kTimedOut;
      break;
    case net::IoCode::kCancelled:
      end_ = End::kStopped;
      break;
    default:
      end_ = End::kPeerLost;
  }
  co_return false;
}

async::Task<std::optional<std::string>> Input::line(std::chrono::seconds timeout) {
  for (;;) {
    // A SASL response has no use for more; "*" cancels the exchange (RFC 3501 section 6.2.2).
    if (auto line = reader_.next_line()) co_return *line ? **std::move(line) : std::string("*");
    const bool more = co_await fill(timeout);
    if (!more) co_return std::nullopt;
  }
}

}  // namespace quartet::imapd
