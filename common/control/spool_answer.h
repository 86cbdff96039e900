// Waiting for what a thread of the spool brings.
#pragma once
#include <chrono>
#include <expected>
#include <future>
#include <memory>

#include "common/spool/spool.h"

namespace quartet::control {

/// The waiter may give up before it comes.
template <typename T>
class SpoolAnswer {
 public:
  using Value = std::expected<T, spool::SpoolError>;
  auto taker() {
    return [promise = promise_](Value value) { promise->set_value(std::move(value)); };
  }
  Value wait() {
    auto future = promise_->get_future();
    if (future.wait_for(kPatience) == std::future_status::ready) return future.get();
    return std::unexpected(spool::SpoolError{spool::ErrorCode::kIo, "the disk takes too long"});
  }

 private:
  /// A disk that fails is waited for elsewhere.
  static constexpr auto kPatience = std::chrono::seconds(30);
  std::shared_ptr<std::promise<Value>> promise_ = std::make_shared<std::promise<Value>>();
};

}  // namespace quartet::control
