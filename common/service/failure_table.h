// How often something has failed lately, for many keys and several processes: scores that halve in a given time, in a
// table of fixed size, which may be a file that agents map together.
//
// What is told is not exact: of many keys those that failed least are forgotten first, and two processes that count the
// same key at the same moment may count once. Any thread.
#pragma once
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/time.h"

namespace quartet::service {

class FailureTable {
 public:
  /// `file`: made if it is not there or has another form, 1 MiB, for the user that runs the agents; empty: memory of
  /// this process. The error names the file and why.
  static std::expected<std::unique_ptr<FailureTable>, std::string> open(const std::string& file,
                                                                        std::chrono::seconds half_life);
  ~FailureTable();
  FailureTable(const FailureTable&) = delete;
  FailureTable& operator=(const FailureTable&) = delete;

  /// 0 if it never failed, or so long ago that it is forgotten.
  double score(std::string_view key, WallTime now) const;
  /// One more; what the score is then.
  double add(std::string_view key, WallTime now);

 private:
  struct Slot;
  struct Memory;
  FailureTable(Memory* memory, std::chrono::seconds half_life) : memory_(memory), half_life_(half_life) {}
  std::uint64_t hash_of(std::string_view key) const;
  /// The first of the slots that the key may be in.
  Slot* bucket(std::uint64_t hash) const;
  double decayed(std::uint64_t value, WallTime now) const;

  Memory* const memory_;
  const std::chrono::seconds half_life_;
};

}  // namespace quartet::service
