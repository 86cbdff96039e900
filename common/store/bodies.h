// Bodies: where the bytes of messages are. Bytes come first and rows second: what a crash can leave is bytes that no
// row names, and those are removed in time.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/id.h"
#include "common/journal/types.h"
#include "common/store/open_message.h"
#include "common/store/types.h"

namespace quartet::store {

/// Safe from any thread.
class Bodies {
 public:
  struct Body {
    Bytes bytes;
    Id email_id;
    WallTime internaldate;
  };
  virtual ~Bodies() = default;

  /// Who waits for bytes that are being written. Called on threads of the bodies: take note and return.
  class Writing {
   public:
    virtual ~Writing() = default;
    /// Where they will be, in the order of the bodies; not durable before ended().
    virtual void placed(std::vector<journal::Location> locations) = 0;
    /// Once, the last call. Without placed() before there is an error.
    virtual void ended(std::optional<StoreError> error) = 0;
  };

  /// While one is held, bytes that might have no row yet are not removed: to be kept until the rows are committed.
  class Guard {
   public:
    explicit Guard(Bodies& bodies) : bodies_(bodies), place_(bodies.enter()) {}
    ~Guard() { bodies_.leave(place_, written_); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    /// Once.
    void write(std::vector<Body> bodies, Writing& writing) {
      written_ = true;
      bodies_.write(std::move(bodies), writing);
    }

   private:
    Bodies& bodies_;
    const std::uint64_t place_;
    bool written_ = false;
  };
  /// Blocks. kNoMessage if it is gone.
  virtual Result<std::string> read(const journal::Location& location, std::uint64_t size) const = 0;
  /// The same for who reads it in ranges. The bodies outlive it. Blocks.
  virtual Result<std::shared_ptr<const OpenBody>> open(const journal::Location& location, std::uint64_t size) const = 0;
  /// Ones that are to be read soon. Does not wait.
  virtual void will_need(const std::vector<journal::Location>&) const {}

  // --- bytes that are removed each by itself: those with a number in Location::file ---

  /// Whether no guard covers any more what this process wrote into the segment.
  virtual bool settled(journal::SegmentId segment) const = 0;
  virtual void remove_file(std::uint64_t file) = 0;
  /// Numbers of some that are older than `age` and may have no row.
  virtual std::vector<std::uint64_t> old_files(std::chrono::seconds age) const = 0;

  // --- bytes that share segments, where there are any ---

  /// Writes those records of a segment again that begin at `offsets`, a guard being held: their new places by the old
  /// offsets, durable. What is damaged is left out. Blocks.
  using Moved = std::map<std::uint32_t, journal::Location>;
  virtual Result<Moved> copy(journal::SegmentId, const std::set<std::uint32_t>&) { return Moved(); }
  /// All segments and what their files take.
  virtual std::vector<std::pair<journal::SegmentId, std::uint64_t>> disk_sizes() const { return {}; }
  /// Segments that may be removed if no row names them: older ones of this process, and those of dead ones.
  virtual std::vector<journal::SegmentId> removable() const { return {}; }
  virtual void remove(journal::SegmentId) {}

 private:
  /// A guard begins; what leave() takes.
  virtual std::uint64_t enter() = 0;
  virtual void leave(std::uint64_t place, bool written) = 0;
  virtual void write(std::vector<Body> bodies, Writing& writing) = 0;
};

/// In the place of a segment: there is none.
inline constexpr journal::SegmentId kNoSegment = ~journal::SegmentId{0};

}  // namespace quartet::store
