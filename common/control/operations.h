// The operations of an agent: those under way, and the last ones that have ended.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <expected>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/control/operation_log.h"
#include "quartet/control/v1/operation.pb.h"

namespace quartet::control {

/// One of them, as all see it. Any thread.
class OperationRecord {
 public:
  explicit OperationRecord(v1::Operation operation) : operation_(std::move(operation)) {}

  v1::Operation get() const;
  /// `fill(v1::Operation&)` notes how far it is.
  template <typename F>
  void update(F fill) {
    const std::lock_guard lock(mutex_);
    fill(operation_);
    ++version_;
  }
  /// Grows with each update.
  std::uint64_t version() const { return version_; }

  /// Asks it to end, and notes who did; false if it has ended. The first word counts.
  bool cancel(std::string_view who, std::string_view reason);
  bool cancelled() const { return cancelled_; }

 private:
  mutable std::mutex mutex_;
  v1::Operation operation_;
  std::atomic<std::uint64_t> version_ = 0;
  std::atomic<bool> cancelled_ = false;
};

/// Any thread.
class Operations {
 public:
  static constexpr std::size_t kKept = 1000;

  /// Keeps them in a file of `directory`; empty: in memory alone. Those that an agent before left running were
  /// interrupted.
  explicit Operations(const std::filesystem::path& directory);

  /// Gives it an id and a time, and is durable when it returns.
  std::shared_ptr<OperationRecord> begin(v1::Operation operation);
  void end(OperationRecord& record, v1::Operation::State state, std::string_view error);

  /// From now on what ends before its end is interrupted, not cancelled.
  void stop() { stopping_ = true; }
  bool stopping() const { return stopping_; }

  /// Null: not known (any more).
  std::shared_ptr<OperationRecord> find(std::string_view id) const;
  /// The newest first, older than the operation `before` (empty: than none).
  std::vector<v1::Operation> list(bool running, std::string_view before, std::size_t most) const;

 private:
  void save(const v1::Operation& operation);
  void forget_oldest();

  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<OperationRecord>> records_;  // the oldest first
  std::mutex saving_;                                     // held while the file is written
  OperationLog log_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace quartet::control
