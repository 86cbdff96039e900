// Periods on disk, one file each, so that a restart loses little and a report is not forgotten.
#pragma once
#include <filesystem>
#include <optional>
#include <vector>

#include "quartet/tlsrpt/v1/report.pb.h"

namespace quartet::tlsrpt {

/// Blocks: for a thread pool. One writer at a time.
class Ledger {
 public:
  explicit Ledger(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// In place of what was there for this start. False if it could not be written.
  bool save(const v1::Period& period) const;
  void remove(std::int64_t start) const;
  /// All that can be read, the oldest first.
  std::vector<v1::Period> load() const;

 private:
  std::filesystem::path directory_;
};

}  // namespace quartet::tlsrpt
