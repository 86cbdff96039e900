// Compaction: what lives in a segment that is mostly dead is written again, so that the segment can go.
#include <algorithm>
#include <map>
#include <set>

#include "common/log/log.h"
#include "common/store/blocking_job.h"
#include "common/store/engine.h"

namespace quartet::store {
namespace {

// Segments of which less than this part lives are emptied: disk in use stays below twice what lives, besides the
// segments that are being written.
constexpr std::uint64_t kSparse = 2;
constexpr std::size_t kPiece = 500;

struct Moving {
  ObjectId object = 0;
  journal::Location from;
};

/// Those that are still where they were when they were read.
Result<bool> move_piece(Transaction& transaction, const std::vector<Moving>& piece, const Bodies::Moved& moved) {
  Database& database = transaction.database();
  for (const Moving& one : piece) {
    const auto found = moved.find(one.from.offset);
    if (found == moved.end()) continue;
    const journal::Location& to = found->second;
    database.prepare("UPDATE object SET segment=?,offset=?,length=?,file=? WHERE id=? AND segment=? AND offset=?")
        .bind(to.segment)
        .bind(to.offset)
        .bind(to.length)
        .bind(to.file)
        .bind(one.object)
        .bind(one.from.segment)
        .bind(one.from.offset)
        .run();
    if (database.changed_rows() == 0) continue;
    transaction.count_segment(one.from.segment, -1, -static_cast<std::int64_t>(one.from.footprint()));
    transaction.count_segment(to.segment, 1, to.footprint());
  }
  return true;
}

}  // namespace

std::vector<journal::SegmentId> Engine::sparse_segments() {
  std::map<journal::SegmentId, std::uint64_t> live;
  for (const journal::SegmentId segment : bodies_->removable()) live[segment] = 0;
  for (const auto& shard : shards_) {
    auto reader = shard->reader();
    if (!reader.ok()) return {};
    {
      auto query = (*reader).prepare("SELECT id,bytes FROM segment");
      while (query.step())
        if (const auto known = live.find(query.number(0)); known != live.end()) known->second += query.number(1);
    }
    if ((*reader).failed()) return {};
  }
  std::vector<journal::SegmentId> sparse;
  for (const auto& [segment, size] : bodies_->disk_sizes())
    if (const auto known = live.find(segment);
        known != live.end() && known->second > 0 && known->second * kSparse < size)
      sparse.push_back(segment);
  return sparse;
}

// The old segment goes with the next collection: until then who has read the old place finds the bytes there.
Result<bool> Engine::empty_segment(journal::SegmentId segment) {
  std::vector<std::vector<Moving>> moving(shards_.size());
  std::set<std::uint32_t> offsets;
  for (std::size_t n = 0; n < shards_.size(); ++n) {
    auto reader = shards_[n]->reader();
    if (!reader.ok()) return std::unexpected(reader.error());
    {
      auto query = (*reader).prepare("SELECT id,offset,length,file FROM object WHERE segment=?");
      query.bind(segment);
      while (query.step()) {
        moving[n].push_back({query.integer(0), {segment, query.number32(1), query.number32(2), query.number(3)}});
        offsets.insert(query.number32(1));
      }
    }
    if ((*reader).failed()) return std::unexpected((*reader).take_error());
  }
  if (offsets.empty()) return true;
  const Bodies::Guard guard(*bodies_);
  const auto moved = bodies_->copy(segment, offsets);
  if (!moved) return std::unexpected(moved.error());
  for (std::size_t n = 0; n < shards_.size(); ++n)
    for (std::size_t first = 0; first < moving[n].size(); first += kPiece) {
      const auto begin = moving[n].begin() + static_cast<std::ptrdiff_t>(first);
      const auto end = moving[n].begin() + static_cast<std::ptrdiff_t>(std::min(first + kPiece, moving[n].size()));
      const std::vector<Moving> piece(begin, end);
      const auto done = BlockingJob([&](Transaction& transaction) {
                          return move_piece(transaction, piece, *moved);
                        }).wait(*shards_[n]);
      if (!done) return done;
    }
  return true;
}

void Engine::compact() {
  for (const journal::SegmentId segment : sparse_segments()) {
    {
      const std::lock_guard lock(upkeep_mutex_);
      if (closing_) return;
    }
    if (const auto emptied = empty_segment(segment); !emptied)
      log::warn("store.compaction_failed", {{"segment", segment}, {"reason", emptied.error().detail}});
  }
}

}  // namespace quartet::store
