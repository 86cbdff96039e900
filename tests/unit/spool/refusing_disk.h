// What tests of later changes to a queued message have in common.
#pragma once
#include <atomic>

#include "tests/unit/spool/helpers.h"

namespace quartet::spool::test {

/// Not due for hours: nothing is claimed meanwhile.
inline NewMessage later(std::vector<std::string> addresses) {
  auto message = message_to(std::move(addresses));
  message.due = wall_now() + std::chrono::hours(10);
  return message;
}

/// A disk that takes no writes while `broken`; outlives the spool.
struct RefusingDisk {
  std::atomic<bool> broken = false;

  Options options_for(const std::filesystem::path& directory) {
    auto options = test::options_for(directory);
    options.fault = [this](journal::FileOperation operation, const std::string&) {
      return broken && operation == journal::FileOperation::kWrite ? EIO : 0;
    };
    return options;
  }
};

}  // namespace quartet::spool::test
