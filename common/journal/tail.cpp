#include "common/journal/tail.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "common/base/ascii.h"
#include "common/journal/segments.h"

namespace quartet::journal {
namespace {

void add(ReplayReport& total, const ReplayReport& found) {
  total.segments += found.segments;
  total.records += found.records;
  total.bytes += found.bytes;
  total.torn_bytes += found.torn_bytes;
  total.damage.insert(total.damage.end(), found.damage.begin(), found.damage.end());
}

/// A writer that was killed between its write and its sync leaves what only the page cache has.
Status sync_left_over(const std::filesystem::path& directory, SegmentId segment) {
  const auto path = directory / segment_name(segment);
  const auto fd = open_for_reading(path);
  if (!fd) return std::unexpected(fd.error());
  if (::fdatasync(fd->get()) != 0) return std::unexpected(make_error(errno, "cannot sync " + path.string()));
  return {};
}

}  // namespace

Tail::Tail(std::filesystem::path directory, WriterId writer, Position from)
    : directory_(std::move(directory)), writer_(writer), position_(from) {}

std::expected<ReplayReport, Error> Tail::poll(const ReplayHandler& handler) {
  ReplayReport total;
  total.end = position_;
  ended_ = false;
  const auto dead = FileLock::take(directory_ / lock_name(writer_));
  if (!dead && dead.error().code != ErrorCode::kLocked) return std::unexpected(dead.error());
  const bool alive = !dead;
  const auto durable = alive ? read_end(directory_, writer_) : std::nullopt;
  if (alive && (!durable || *durable <= position_)) return total;
  const auto segments = segments_of(directory_, writer_);
  if (!segments) return std::unexpected(segments.error());
  for (std::size_t i = 0; i < segments->size(); ++i) {
    const auto& segment = (*segments)[i];
    if (segment.id < position_.segment || (durable && segment.id > durable->segment)) continue;
    auto end = known_end(*segments, i);
    if (durable && segment.id == durable->segment) end = durable->offset;
    if (const auto synced = alive ? Status{} : sync_left_over(directory_, segment.id); !synced) {
      if (synced.error().code == ErrorCode::kNotFound) continue;
      return std::unexpected(synced.error());
    }
    ReplayReport found;
    const auto from = segment.id == position_.segment ? position_.offset : 0;
    const auto scanned = scan_segment(directory_, segment, from, end, handler, found);
    if (!scanned && scanned.error().code == ErrorCode::kNotFound) continue;
    if (!scanned) return std::unexpected(scanned.error());
    // An unfinished creation holds nothing; its place may be taken by a segment that does.
    if (!segment.header && found.records == 0 && found.damage.empty()) continue;
    if (!found.damage.empty()) quarantine(directory_, segment.id);
    add(total, found);
    if (const auto& header = segment.header; header && position_.segment != 0 && header->previous > position_.segment)
      total.damage.push_back({header->previous, 0, header->previous_end, "the segment is not there"});
    position_ = found.end;
  }
  total.end = position_;
  ended_ = !alive;
  return total;
}

std::vector<WriterId> list_writers(const std::filesystem::path& directory) {
  std::set<WriterId> writers;
  for (const std::string_view suffix : {".lock", ".log"})
    for (const auto& name : Files(directory, {}).list("", suffix))
      if (const auto id = ascii::to_number<WriterId>(std::string_view(name).substr(0, 4), 16)) writers.insert(*id);
  return {writers.begin(), writers.end()};
}

}  // namespace quartet::journal
