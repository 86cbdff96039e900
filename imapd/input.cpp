#include "imapd/input.h"

#include <utility>

#include "common/net/read_unless.h"

namespace quartet::imapd {

// fill() reads by itself and not by read(): a session waits in it for most of its life, and each coroutine takes
// memory.
async::Task<bool> Input::fill(std::vector<async::Event*> enough) {
  co_await output_.flush();
  if (output_.failed()) {
    end_ = End::kPeerLost;
    co_return false;
  }
  const auto bytes = co_await net::read_unless(*stream_, begin_wait(), std::move(enough));
  co_return take(bytes);
}

async::Task<bool> Input::read() {
  const auto bytes = co_await net::read_unless(*stream_, begin_wait(), {});
  co_return take(bytes);
}

async::Deadline Input::begin_wait() {
  if (std::exchange(ended_, reader_.ended()) != reader_.ended()) deadlines_.begin_command();
  return deadlines_.begin_wait(reader_.in_command());
}

bool Input::take(const std::expected<std::string_view, net::IoError>& bytes) {
  if (bytes) {
    deadlines_.end_wait(bytes->size());
    reader_.feed(*bytes);
    return true;
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
  return false;
}

async::Task<std::optional<std::string>> Input::line() {
  for (;;) {
    // A SASL response has no use for more; "*" cancels the exchange (RFC 3501 section 6.2.2).
    if (auto line = reader_.next_line()) co_return *line ? **std::move(line) : std::string("*");
    const bool more = co_await fill();
    if (!more) co_return std::nullopt;
  }
}

}  // namespace quartet::imapd
