// The in-memory stream: two byte queues with a bound, for tests and for joining parts of one process.
#include "common/async/wait.h"
#include "common/base/check.h"
#include "common/net/stream.h"

namespace quartet::net {
namespace {

struct Queue {
  explicit Queue(std::size_t limit) : capacity(limit) { writable.set(); }
  std::size_t capacity;
  std::string bytes;
  bool ended = false;   // the writer will write no more
  bool broken = false;  // the reader is gone
  async::Event readable;
  async::Event writable;
};

IoError error_of(async::Wait wait) {
  return {wait == async::Wait::kTimedOut ? IoCode::kTimedOut : IoCode::kCancelled, ""};
}

class PipeStream final : public Stream {
 public:
  PipeStream(std::shared_ptr<Queue> in, std::shared_ptr<Queue> out) : in_(std::move(in)), out_(std::move(out)) {}
  ~PipeStream() override {
    in_->broken = true;
    in_->writable.set();
    out_->ended = true;
    out_->readable.set();
  }

  async::Task<std::expected<std::string_view, IoError>> read_some(async::Deadline deadline) override {
    QUARTET_CHECK(!reading_);  // one reader at a time
    while (in_->bytes.empty()) {
      if (in_->ended) co_return std::unexpected(IoError{IoCode::kEndOfStream, ""});
      reading_ = true;
      const auto waited = co_await in_->readable.wait(deadline);
      reading_ = false;
      if (waited != async::Wait::kReady) co_return std::unexpected(error_of(waited));
    }
    shown_ = std::exchange(in_->bytes, {});
    if (!in_->ended) in_->readable.reset();
    in_->writable.set();
    co_return std::string_view(shown_);
  }

  async::Task<std::expected<void, IoError>> write(std::string_view bytes, async::Deadline deadline) override {
    QUARTET_CHECK(!writing_);  // one writer at a time
    while (!bytes.empty()) {
      if (out_->broken || out_->ended) co_return std::unexpected(IoError{IoCode::kReset, ""});
      const auto room = out_->capacity - out_->bytes.size();
      out_->bytes.append(bytes.substr(0, room));
      bytes.remove_prefix(std::min(room, bytes.size()));
      if (!out_->bytes.empty()) out_->readable.set();
      if (bytes.empty()) break;
      out_->writable.reset();
      writing_ = true;
      const auto waited = co_await out_->writable.wait(deadline);
      writing_ = false;
      if (waited != async::Wait::kReady) {
        out_->ended = true;
        co_return std::unexpected(error_of(waited));
      }
    }
    co_return std::expected<void, IoError>();
  }

  async::Task<std::expected<void, IoError>> shutdown(async::Deadline) override {
    out_->ended = true;
    out_->readable.set();
    co_return std::expected<void, IoError>();
  }

  const Address& local() const override { return address_; }
  const Address& peer() const override { return address_; }

 private:
  std::shared_ptr<Queue> in_;
  std::shared_ptr<Queue> out_;
  std::string shown_;
  bool reading_ = false;
  bool writing_ = false;
  Address address_;
};

}  // namespace

std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> make_pipe(std::size_t capacity) {
  const auto there = std::make_shared<Queue>(capacity);
  const auto back = std::make_shared<Queue>(capacity);
  return {std::make_unique<PipeStream>(back, there), std::make_unique<PipeStream>(there, back)};
}

}  // namespace quartet::net
