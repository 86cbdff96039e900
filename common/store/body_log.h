// BodyLog: the bytes of messages, in journal segments of this process; readable by every process on the store.
//
// A record is the message followed by its email id (16 bytes) and internal date (8 bytes), so that a lost index could
// be made again from the segments.
#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/async/task.h"
#include "common/base/id.h"
#include "common/journal/journal.h"
#include "common/store/types.h"

namespace quartet::store {

class BodyLog {
 public:
  struct Body {
    Bytes bytes;
    Id email_id;
    WallTime internaldate;
  };

  static std::expected<std::unique_ptr<BodyLog>, StoreError> open(const std::string& directory);

  /// While one is held, segments that might have bytes without a row yet are not removed: take it before write() and
  /// keep it until the rows are committed.
  class Guard {
   public:
    explicit Guard(BodyLog& log);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    BodyLog& log_;
    std::multimap<journal::SegmentId, int>::iterator place_;
  };

  /// Durable when it returns. Locations in the order of the bodies.
  async::Task<Result<std::vector<journal::Location>>> write(std::vector<Body> bodies);

  /// Blocks on the disk. kNoMessage if the segment is gone.
  Result<std::string> read(const journal::Location& location, std::uint64_t size) const;

  /// Writes those records of a segment again that begin at `offsets`, a guard being held: their new places by the old
  /// offsets, durable. What is damaged is left out. Blocks.
  using Moved = std::map<std::uint32_t, journal::Location>;
  Result<Moved> copy(journal::SegmentId segment, const std::set<std::uint32_t>& offsets);

  /// All segments and what their files take.
  std::vector<std::pair<journal::SegmentId, std::uint64_t>> disk_sizes() const;

  /// Segments that may be removed if no row names them: older ones of this process, and those of dead ones.
  std::vector<journal::SegmentId> removable() const;
  /// The bytes its file took.
  void remove(journal::SegmentId segment);

  /// Payload files may be removed when no row names them. Of this process' own writes only those count that no guard
  /// covers any more; `settled` says so.
  bool settled(journal::SegmentId segment) const;
  void remove_file(std::uint64_t file) { journal::remove_payload_file(directory_, file); }
  std::vector<std::uint64_t> old_files(std::chrono::seconds age) const;

 private:
  BodyLog(std::string directory, std::unique_ptr<journal::Writer> writer);

  const std::string directory_;
  std::unique_ptr<journal::Writer> writer_;
  journal::Reader reader_;
  mutable std::mutex mutex_;
  std::multimap<journal::SegmentId, int> guards_;
};

}  // namespace quartet::store
