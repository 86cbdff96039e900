// Bytes of messages that are to be durable before anything else is done.
#pragma once
#include <optional>
#include <utility>
#include <vector>

#include "common/async/task.h"
#include "common/async/wait.h"
#include "common/store/bodies.h"

namespace quartet::store {
namespace detail {

class WaitingForBodies final : public Bodies::Writing {
 public:
  explicit WaitingForBodies(async::Completion<bool> completion) : completion_(std::move(completion)) {}
  void placed(std::vector<journal::Location> locations) override { locations_ = std::move(locations); }
  void ended(std::optional<StoreError> error) override {
    error_ = std::move(error);
    auto completion = std::move(completion_);
    completion(true);  // who waits may end this at once
  }
  Result<std::vector<journal::Location>> take() {
    if (error_) return std::unexpected(std::move(*error_));
    return std::move(locations_);
  }

 private:
  std::vector<journal::Location> locations_;
  std::optional<StoreError> error_;
  async::Completion<bool> completion_;
};

}  // namespace detail

/// Resumes when they are: where, in the order of the bodies. Once for each guard.
inline async::Task<Result<std::vector<journal::Location>>> write_bodies(Bodies::Guard& guard,
                                                                        std::vector<Bodies::Body> bodies) {
  std::optional<detail::WaitingForBodies> waiting;
  co_await async::from_callback<bool>([&](async::Completion<bool> completion) {
    waiting.emplace(std::move(completion));
    guard.write(std::move(bodies), *waiting);
  });
  co_return waiting->take();
}

}  // namespace quartet::store
