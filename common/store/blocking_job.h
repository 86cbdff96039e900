// BlockingJob: an operation on a shard's writer thread for who has no loop, as upkeep has its own thread.
#pragma once
#include <future>
#include <utility>

#include "common/store/shard.h"

namespace quartet::store {

/// `function(Transaction&) -> Result<bool>`, which may run more than once: start from nothing each time.
template <typename F>
class BlockingJob final : public Job {
 public:
  explicit BlockingJob(F function) : function_(std::move(function)) {}
  void run(Transaction& transaction) override { result_ = function_(transaction); }
  void finish(const StoreError* error) override {
    if (error != nullptr) result_ = std::unexpected(*error);
    done_.set_value();
  }
  /// Its result, once the changes are on disk.
  Result<bool> wait(Shard& shard) {
    auto done = done_.get_future();
    shard.submit(*this);
    done.wait();
    return std::move(result_);
  }

 private:
  F function_;
  Result<bool> result_ = false;
  std::promise<void> done_;
};

}  // namespace quartet::store
