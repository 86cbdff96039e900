#include "imapd/output.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace quartet::imapd {
namespace {

// Shorter bytes are cheaper to copy than to send by themselves.
constexpr std::size_t kLong = 16 * 1024;
// Each piece has the whole time-out: what must not take long is progress, not the message.
constexpr std::size_t kPiece = 256 * 1024;

}  // namespace

void Output::line(std::string_view text) {
  std::ranges::copy_if(text, std::back_inserter(text_), [](char c) { return c != '\r' && c != '\n'; });
  text_ += "\r\n";
}

async::Task<void> Output::drain() {
  if (!full()) co_return;
  std::string bytes = std::exchange(text_, {});
  co_await write(bytes);
  // More is to come, into the same memory.
  bytes.clear();
  if (text_.empty()) text_.swap(bytes);
}

async::Task<void> Output::flush() {
  if (text_.empty()) co_return;
  const std::string bytes = std::exchange(text_, {});
  co_await write(bytes);
}

async::Task<void> Output::send(std::string_view bytes) {
  if (bytes.size() < kLong) {
    text_.append(bytes);
    co_return co_await drain();
  }
  co_await flush();
  co_await write(bytes);
}

async::Task<void> Output::write(std::string_view bytes) {
  while (!bytes.empty() && !failed_) {
    const auto piece = bytes.substr(0, kPiece);
    const auto sent = co_await stream_->write(piece, async::Deadline::after(timeout_));
    if (!sent) failed_ = true;
    bytes.remove_prefix(piece.size());
  }
}

}  // namespace quartet::imapd
