// The committer: everything that waits is written with one call, synced once, completed together. While one commit is
// on its way the next batch gathers by itself, so there is no delay to tune.
#include <unistd.h>

#include <algorithm>

#include "common/base/check.h"
#include "common/base/scheduling.h"
#include "common/journal/writer_impl.h"

namespace quartet::journal {
namespace {

constexpr std::uint64_t kGroupBytes = 8u << 20;
// Groups up to this size have the blocks behind them written, too, so many bytes at a time.
constexpr std::uint64_t kSmallGroup = 32u << 10;
constexpr std::uint32_t kFill = 128u << 10;
char zeros[kFill];

iovec part(std::string_view bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

/// Up to where a file's blocks were written before; all of it where the file system does not tell.
std::uint32_t filled_of(const Fd& fd, std::uint32_t size) {
  const auto hole = ::lseek(fd.get(), 0, SEEK_HOLE);
  return hole < 0 ? size : static_cast<std::uint32_t>(std::min<std::int64_t>(hole, size));
}

}  // namespace

void Writer::Impl::run_committer() {
  let_wakers_finish();
  std::unique_lock lock(mutex_);
  for (;;) {
    while (!urgent_ && !helper_done_) {
      if (queue_.empty()) {
        committer_wake_.wait(lock);
      } else if (committer_wake_.wait_until(lock, lazy_since_ + options_.lazy_delay) == std::cv_status::timeout) {
        break;
      }
    }
    if (queue_.empty()) return;  // woken with nothing left to do: the helper is done
    auto batch = std::move(queue_);
    queue_.clear();
    urgent_ = false;
    const bool seal = std::exchange(seal_, false);
    lock.unlock();
    if (seal && current_) {
      previous_ = current_->id;
      previous_end_ = current_->offset;
      current_.reset();
    }
    commit(std::move(batch));
    lock.lock();
  }
}

void Writer::Impl::commit(std::vector<Pending> batch) {
  Group group;
  std::optional<Error> roll_error;
  for (auto& unit : batch) {
    if (!admit(unit, group, roll_error)) continue;
    group.units.push_back(&unit);
    group.bytes += unit.size;
  }
  commit_group(group);
}

/// Sees to it that there is a segment with room for the group and the unit; false when the unit was refused.
bool Writer::Impl::admit(Pending& unit, Group& group, std::optional<Error>& roll_error) {
  if (unit.size == 0) return true;
  if (unit.size > options_.segment_size - kSegmentHeaderSize) {
    complete(unit, {ErrorCode::kTooLarge, "the unit is larger than a segment"});
    return false;
  }
  if (group.bytes + unit.size > kGroupBytes) commit_group(group);
  if (!current_ || current_->offset + group.bytes + unit.size > options_.segment_size) {
    commit_group(group);
    if (roll_error && !unit.options.essential) {
      complete(unit, *roll_error);
      return false;
    }
    if (const auto rolled = roll(unit.options.essential); !rolled) {
      roll_error = rolled.error();
      note_result(rolled, group);
      complete(unit, rolled.error());
      return false;
    }
  }
  if (on_reserve_ && !unit.options.essential) {
    if (const auto ready = pool_.prepare(1); !ready) {
      complete(unit, ready.error());
      return false;
    }
    on_reserve_ = false;
  }
  return true;
}

/// Begins another segment. Nothing of it is on disk yet but its name; the header goes with the first group.
Status Writer::Impl::roll(bool essential) {
  if (current_) {
    previous_ = current_->id;
    previous_end_ = current_->offset;
    current_.reset();
  }
  const auto id = make_segment_id(id_, next_sequence_);
  auto taken = pool_.take(id, essential);
  if (!taken) return std::unexpected(taken.error());
  ++next_sequence_;
  on_reserve_ = taken->reserve;
  const auto filled = filled_of(taken->fd, options_.segment_size);
  current_.emplace(Current{
      .id = id,
      .fd = std::move(taken->fd),
      .offset = kSegmentHeaderSize,
      .header = encode(SegmentHeader{id, previous_, previous_end_, options_.segment_size, next_lsn_}),
      .fresh = true,
      .filled = filled,
  });
  {
    const std::lock_guard lock(mutex_);
    own_.insert(id);
    newest_ = id;
    ++(taken->created ? stats_.created : stats_.recycled);
    low_on_files_ = true;
  }
  helper_wake_.notify_one();
  return {};
}

/// Gives each record its place and header; `parts` is what is to be written, in order.
void Writer::Impl::lay_out(Group& group, std::vector<iovec>& parts) {
  if (current_->fresh) parts.push_back(part(std::string_view(current_->header.data(), current_->header.size())));
  std::uint32_t offset = current_->offset;
  for (auto* unit : group.units) {
    for (auto& record : unit->records) {
      record.header = encode(RecordHeader{record.length, record.crc, current_->id, next_lsn_++, offset,
                                          current_->offset, record.type, &record == &unit->records.front(),
                                          &record == &unit->records.back(), record.reference.file != 0});
      parts.push_back(part(std::string_view(record.header.data(), record.header.size())));
      for (const auto& piece : record.pieces)
        if (!piece.view().empty()) parts.push_back(part(piece.view()));
      const auto padding = record.footprint() - kRecordHeaderSize - record.length;
      if (padding != 0) parts.push_back(part(std::string_view(zeros, padding)));
      const auto length = record.reference.file != 0 ? record.reference.length : record.length;
      unit->locations.push_back({current_->id, offset, length, record.reference.file});
      offset += record.footprint();
    }
  }
}

/// The first write into a block that is only allocated makes the file system note that, with a commit of its own that
/// each sync then waits for. A small group costs less if that is done for many to come at once, by zeros.
void Writer::Impl::fill(const Group& group, std::vector<iovec>& parts) {
  const auto end = current_->offset + static_cast<std::uint32_t>(group.bytes);
  if (end <= current_->filled) return;
  current_->filled = end;
  if (group.bytes > kSmallGroup) return;
  const auto padding = std::min(kFill - end % kFill, options_.segment_size - end);
  if (padding == 0) return;
  parts.push_back(part(std::string_view(zeros, padding)));
  current_->filled += padding;
}

Status Writer::Impl::write_group(Group& group) {
  std::vector<iovec> parts;
  lay_out(group, parts);
  fill(group, parts);
  const auto name = segment_name(current_->id);
  auto ok = files_.write(current_->fd, name, parts, current_->fresh ? 0 : current_->offset);
  for (auto* unit : group.units)
    if (ok && unit->placed) unit->placed(unit->locations);
  if (ok) ok = files_.sync(current_->fd, name);
  if (ok && current_->fresh) ok = files_.sync_directory();
  if (!ok) return ok;
  current_->fresh = false;
  current_->offset += static_cast<std::uint32_t>(group.bytes);
  if (end_file_) {
    // Only tells a Tail in another process where to stop; after a crash the records speak for themselves.
    const auto bytes = encode_end({current_->id, current_->offset});
    (void)!::pwrite(end_file_.get(), bytes.data(), bytes.size(), 0);
  }
  return ok;
}

void Writer::Impl::commit_group(Group& group) {
  if (group.units.empty()) return;
  const auto status = group.bytes == 0 ? Status{} : write_group(group);
  if (!status) abandon();
  note_result(status, group);
  for (auto* unit : group.units) {
    if (status) {
      unit->completion(std::move(unit->locations));
    } else {
      complete(*unit, status.error());
    }
  }
  if (status && current_) {
    const std::lock_guard lock(mutex_);
    applied_ = {current_->id, current_->offset};
  }
  group = {};
}

void Writer::Impl::note_result(const Status& status, const Group& group) {
  const std::lock_guard lock(mutex_);
  if (!status) {
    // The helper sees when it is over; it sleeps while there is none.
    if (!fault_) helper_wake_.notify_one();
    fault_ = status.error();
    ++stats_.failures;
    return;
  }
  if (group.bytes == 0) return;
  if (!on_reserve_) fault_.reset();
  ++stats_.commits;
  stats_.units += group.units.size();
  stats_.written_bytes += group.bytes;
  for (const auto* unit : group.units)
    for (const auto& record : unit->records)
      stats_.payload_bytes += record.reference.file != 0 ? record.reference.length : record.length;
}

/// After a failed write or sync nobody knows what of it is on disk (the kernel may have dropped the pages and reports
/// it only once): the segment ends at its last good sync, which the next segment's header says.
void Writer::Impl::abandon() {
  if (current_->fresh) {
    {
      const std::lock_guard lock(mutex_);
      own_.erase(current_->id);
      newest_ = own_.empty() ? 0 : *own_.rbegin();
    }
    pool_.give(current_->id);
  } else {
    previous_ = current_->id;
    previous_end_ = current_->offset;
    (void)!::ftruncate(current_->fd.get(), static_cast<off_t>(current_->offset));
  }
  current_.reset();
}

void Writer::Impl::complete(Pending& unit, const Error& error) {
  for (const auto& record : unit.records)
    if (record.owns_file) files_.remove(payload_name(record.reference.file));
  unit.completion(std::unexpected(error));
}

}  // namespace quartet::journal
