// PatienceLimit: an agent that ends does not wait without an end for a database that says nothing.
#pragma once
#include <chrono>
#include <memory>
#include <thread>

#include "common/store/patience.h"

namespace quartet::service {

/// Lives while the agent ends: if that has not come to its end some seconds after the grace that sessions have, the
/// patience with servers of databases ends.
class PatienceLimit {
 public:
  PatienceLimit(std::shared_ptr<store::Patience> patience, std::chrono::nanoseconds grace);

 private:
  std::jthread thread_;
};

}  // namespace quartet::service
