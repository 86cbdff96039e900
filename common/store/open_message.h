// A message that is read range by range: for who sends it to a client and does not want it in memory meanwhile.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "common/async/task.h"
#include "common/async/thread_pool.h"
#include "common/async/wait.h"
#include "common/store/types.h"

namespace quartet::store {

/// Its bytes where they are. Any thread.
class OpenBody {
 public:
  virtual ~OpenBody() = default;
  /// Up to `length` octets from `offset`. Blocks. kNoMessage if they are gone.
  virtual Result<std::string> read(std::uint64_t offset, std::uint64_t length) const = 0;
};

/// A value; the store outlives it. Where the bytes are in a file, they stay readable as long as it lives; in a database
/// others may collect them once the message has been expunged for Options::release_after.
class OpenMessage {
 public:
  OpenMessage(std::shared_ptr<const OpenBody> body, std::uint64_t size, async::ThreadPool& pool)
      : body_(std::move(body)), size_(size), pool_(&pool) {}

  std::uint64_t size() const { return size_; }

  /// All of the range but what is past the end of the message. May be called from any loop and resumes there.
  async::Task<Result<std::string>> read(std::uint64_t offset, std::uint64_t length) const {
    const auto wanted = std::min(length, size_ - std::min(offset, size_));
    if (wanted == 0) co_return std::string();
    const auto body = body_;
    auto bytes = co_await async::offload(*pool_, [&] { return body->read(offset, wanted); });
    if (bytes && bytes->size() != wanted)
      co_return std::unexpected(StoreError{ErrorCode::kCorrupt, "a body that is shorter than its row says"});
    co_return bytes;
  }

 private:
  std::shared_ptr<const OpenBody> body_;
  std::uint64_t size_;
  async::ThreadPool* pool_;
};

}  // namespace quartet::store
