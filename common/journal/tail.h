// Follows another writer's records, live: each complete and durable unit once, in order.
#pragma once
#include <expected>
#include <filesystem>

#include "common/journal/journal.h"

namespace quartet::journal {

/// One thread at a time. The position is the caller's to keep: opened at it again, the tail goes on after the last unit
/// that was given out before.
class Tail {
 public:
  Tail(std::filesystem::path directory, WriterId writer, Position from);

  /// Reads what has become durable since the last call. A live writer's records are given out only after its sync;
  /// those of a dead one up to the first bad checksum, synced before. Its place is locked meanwhile, so that nobody
  /// takes it over and writes what is not synced yet; who opens a writer just then gets another place. Damage is
  /// reported once and skipped.
  std::expected<ReplayReport, Error> poll(const ReplayHandler& handler);

  /// After the last unit given out; segments before position().segment are read to their end.
  Position position() const { return position_; }
  /// Whether the last poll() found the writer dead, and so has read all that it left.
  bool ended() const { return ended_; }

 private:
  std::filesystem::path directory_;
  WriterId writer_;
  Position position_;
  bool ended_ = false;
};

/// All writers that have files in the directory.
std::vector<WriterId> list_writers(const std::filesystem::path& directory);

}  // namespace quartet::journal
