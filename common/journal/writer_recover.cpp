// What a writer finds when it opens: its segments, the end of its log, files left over by an interrupted step.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "common/journal/writer_impl.h"

namespace quartet::journal {
namespace {

/// Segments whose header was never written (a crash between naming and filling them) hold nothing; one that was damaged
/// still has records, or the next one says that it had, and must be read.
bool holds_records(const std::filesystem::path& directory, const std::vector<SegmentFile>& segments,
                   std::size_t index) {
  ReplayReport found;
  const auto end = scan_segment(directory, segments[index], 0, known_end(segments, index), {}, found);
  return !end || found.records != 0 || !found.damage.empty();
}

}  // namespace

Status Writer::Impl::recover(const ReplayHandler& handler) {
  for (const auto& name : files_.list(writer_prefix(id_), ".tmp")) files_.remove(name);
  auto segments = segments_of(files_.directory(), id_);
  if (!segments) return std::unexpected(segments.error());
  if (!segments->empty()) next_sequence_ = sequence_of(segments->back().id) + 1;
  // A sequence number in the free list was used as well.
  for (const auto& name : files_.list(writer_prefix(id_), ".free"))
    if (const auto id = parse_segment_name(name.substr(0, name.size() - 5) + ".log"))
      next_sequence_ = std::max(next_sequence_, sequence_of(*id) + 1);
  if (const auto ok = recover_segments(handler, std::move(*segments)); !ok) return ok;
  applied_ = report_.end;
  if (!options_.publish) return {};
  end_file_ = Fd(::open((files_.directory() / end_name(id_)).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!end_file_) return std::unexpected(make_error(errno, "cannot open " + end_name(id_)));
  const auto bytes = encode_end(applied_);
  if (::pwrite(end_file_.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return std::unexpected(make_error(errno, "cannot write " + end_name(id_)));
  return {};
}

Status Writer::Impl::recover_segments(const ReplayHandler& handler, std::vector<SegmentFile> segments) {
  std::vector<SegmentFile> used;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto& segment = segments[i];
    if (segment.header || holds_records(files_.directory(), segments, i)) {
      if (!segment.header)
        report_.damage.push_back({segment.id, 0, kSegmentHeaderSize, "the segment's header cannot be read"});
      own_.insert(segment.id);
      used.push_back(segment);
    } else {
      pool_.give(segment.id);
    }
  }
  if (options_.unbroken)
    std::ranges::move(missing_segments(used, options_.replay_from.segment), std::back_inserter(report_.damage));
  for (std::size_t i = 0; i < used.size(); ++i)
    if (const auto ok = recover_one(handler, used, i); !ok) return ok;
  for (const auto& damage : report_.damage) quarantine(files_.directory(), damage.segment);
  return {};
}

Status Writer::Impl::recover_one(const ReplayHandler& handler, const std::vector<SegmentFile>& segments,
                                 std::size_t index) {
  const auto& segment = segments[index];
  const bool newest = index + 1 == segments.size();
  const bool replayed = handler && segment.id >= options_.replay_from.segment;
  if (!newest && !replayed) return {};
  const auto from = segment.id == options_.replay_from.segment ? options_.replay_from.offset : 0;
  const auto torn_before = report_.torn_bytes;
  const auto end = scan_segment(files_.directory(), segment, from, known_end(segments, index),
                                replayed ? handler : ReplayHandler{}, report_);
  if (!end) return std::unexpected(end.error());
  if (!newest) return {};
  newest_ = segment.id;
  previous_ = segment.id;
  previous_end_ = end->offset;
  if (options_.keeps_tail) previous_end_ += static_cast<std::uint32_t>(report_.torn_bytes - torn_before);
  next_lsn_ = std::max(end->next_lsn, segment.header ? segment.header->first_lsn : 1);
  // What is behind the end was never acknowledged, or only damage could make it look so and the user keeps it; cut off,
  // the rest can never come back, and takes no room.
  const auto name = segment_name(segment.id);
  const auto fd = files_.open_for_writing(name);
  if (!fd) return {};
  (void)!::ftruncate(fd->get(), static_cast<off_t>(previous_end_));
  // A process that was killed between its write and its sync left what only the page cache has; from now on others go
  // by it, and the next segment says that it is durable.
  return files_.sync(*fd, name);
}

}  // namespace quartet::journal
