// Keeping the log short: checkpoints of the index, segments given back, mostly dead ones copied forward.
#include <future>

#include "common/log/log.h"
#include "common/spool/spool_impl.h"

namespace quartet::spool {
namespace {

constexpr auto kRound = std::chrono::milliseconds(500);
constexpr auto kPauseAfterFailure = std::chrono::seconds(30), kPauseWhileStarving = std::chrono::seconds(2);
constexpr std::size_t kSegmentsPerRound = 8;

}  // namespace

void Spool::Impl::run_tidy(const std::stop_token& stop) {
  SteadyTime not_before{};
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      tidy_wake_.wait_for(lock, stop, kRound, [] { return false; });
    }
    if (stop.stop_requested()) return;
    retry_unsaved();
    const std::lock_guard one(tidy_mutex_);
    const bool starving = starves();
    if ((starving || checkpoint_is_due()) && std::chrono::steady_clock::now() >= not_before) {
      if (const auto written = write_checkpoint(); !written) {
        log::warn("spool.checkpoint_failed", {{"reason", written.error().detail}});
        not_before = std::chrono::steady_clock::now() + (starving ? kPauseWhileStarving : kPauseAfterFailure);
      }
    }
    compact();
    free_segments();
    remove_doomed_files();
  }
}

std::expected<void, SpoolError> Spool::Impl::tidy() {
  const std::lock_guard one(tidy_mutex_);
  if (const auto written = write_checkpoint(); !written) return written;
  compact();
  free_segments();
  remove_doomed_files();
  return {};
}

bool Spool::Impl::checkpoint_is_due() {
  const auto written = log_->stats().written_bytes;
  const std::lock_guard lock(mutex_);
  return written - bytes_at_checkpoint_ + read_bytes_ >= std::max(options_.checkpoint_every, checkpoint_bytes_);
}

/// Other writers do not say that they have no room: for them the disk is asked.
bool Spool::Impl::starves() {
  const auto fault = log_->fault();
  std::error_code error;
  const auto room = std::filesystem::space(options_.directory, error).available;
  if (!(fault && fault->code == journal::ErrorCode::kNoSpace) && (error || room >= options_.segment_size)) return false;
  auto marks = Marks{};
  marks[0] = log_->applied();
  const std::lock_guard lock(mutex_);
  marks.insert(cursors_.begin(), cursors_.end());
  return std::ranges::any_of(marks, [this](const auto& mark) { return !live_.dead(mark.second.segment).empty(); });
}

/// The marks are taken before the index is looked at: what changes meanwhile is behind them in the log and is read on
/// top of the checkpoint.
std::expected<void, SpoolError> Spool::Impl::write_checkpoint() {
  const auto log_bytes = log_->stats().written_bytes;
  Marks marks;
  std::uint64_t read_bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    marks = cursors_;
    marks[0] = log_->applied();
    read_bytes = read_bytes_;
  }
  CheckpointWriter writer(files_);
  auto ok = writer.begin(marks);
  MessageId after;
  while (ok) {
    constexpr std::size_t kChunk = 500;
    std::vector<std::pair<std::string, Place>> messages;
    {
      const std::lock_guard lock(mutex_);
      for (const auto slot : index_.walk_messages(after, kChunk)) {
        messages.emplace_back(index_.encode(slot), index_.place(slot));
        after = index_.message(slot).id;
      }
    }
    if (messages.empty()) break;
    for (std::size_t i = 0; ok && i < messages.size(); ++i) ok = writer.add(messages[i].first, messages[i].second);
  }
  if (ok) ok = writer.finish();
  if (!ok) {
    writer.discard();
    return std::unexpected(to_error(ok.error()));
  }
  auto old_marks = read_marks(options_.directory / kOldCheckpointName).value_or(Marks{});
  const std::lock_guard lock(mutex_);
  checkpoint_ = std::move(marks);
  old_checkpoint_ = std::move(old_marks);
  checkpoint_bytes_ = writer.bytes();
  bytes_at_checkpoint_ = log_bytes;
  read_bytes_ -= read_bytes;
  ++stats_.checkpoints;
  return {};
}

Marks Spool::Impl::free_limits() {
  const std::lock_guard lock(mutex_);
  Marks limits;
  for (const auto& [writer, position] : checkpoint_)
    if (const auto old = old_checkpoint_.find(writer); old != old_checkpoint_.end())
      limits[writer] = std::min(position, old->second);
  return limits;
}

void Spool::Impl::free_segments() {
  const auto limits = free_limits();
  std::vector<journal::SegmentId> dead;
  {
    const std::lock_guard lock(mutex_);
    for (const auto segment : log_->segments()) live_.know(segment);
    for (const auto& [writer, limit] : limits)
      for (const auto segment : live_.dead(limit.segment)) dead.push_back(segment);
    for (const auto segment : dead) {
      live_.forget(segment);
      not_compactable_.erase(segment);
    }
  }
  for (const auto segment : dead) {
    if (journal::writer_of(segment) == 0) {
      log_->recycle(segment);
    } else if (const auto retired = journal::retire(options_.directory, segment); !retired) {
      log::warn("spool.retire_failed", {{"reason", retired.error().detail}});
    }
    reader_.forget(segment);
  }
}

/// Copies what lives in mostly dead segments to the log's end. Only where the segment can be given back at once.
void Spool::Impl::compact() {
  if (log_->fault()) return;  // no room to copy to
  const auto limits = free_limits();
  std::vector<journal::SegmentId> sparse;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [writer, limit] : limits)
      for (const auto segment : live_.sparse(limit.segment, options_.segment_size / 2))
        if (!not_compactable_.contains(segment)) sparse.push_back(segment);
  }
  if (sparse.size() > kSegmentsPerRound) sparse.resize(kSegmentsPerRound);
  for (const auto segment : sparse)
    if (!compact_segment(segment)) break;
}

/// False if the log does not take the copies.
bool Spool::Impl::compact_segment(journal::SegmentId segment) {
  MessageId id;
  journal::Location message_at;
  bool some = false;
  const auto scanned = reader_.scan(segment, [&](const journal::RecordView& record) {
    if (record.first) id = {};
    if (record.type == static_cast<std::uint8_t>(RecordType::kMessage)) {
      const auto message = decode_message(record.payload);
      id = message ? message->id : MessageId{};
      message_at = record.location;
    } else if (record.type == static_cast<std::uint8_t>(RecordType::kBody) && id) {
      some = copy_forward(id, place_of(message_at, record.location), record) != Copied::kNotNeeded || some;
    }
  });
  if (!barrier() || log_->fault()) return false;
  const std::lock_guard lock(mutex_);
  if (!some && live_.live_bytes(segment) != 0) {
    not_compactable_.insert(segment);
    log::error("spool.unreadable", {{"segment", segment},
                                    {"live_bytes", live_.live_bytes(segment)},
                                    {"reason", scanned ? "messages are missing" : scanned.error().detail.c_str()}});
  }
  return true;
}

/// Appended with the mutex held: whatever happens to the message later is behind its copy in the log.
Spool::Impl::Copied Spool::Impl::copy_forward(MessageId id, const Place& from, const journal::RecordView& body) {
  std::vector<journal::NewRecord> unit(2);
  unit[1].type = static_cast<std::uint8_t>(RecordType::kBody);
  unit[1].in_segment = true;
  if (body.location.file != 0) {
    unit[1].file = body.location;
    unit[1].file_crc = body.file_crc;
  } else {
    unit[1].pieces.emplace_back(std::string(body.payload));
  }
  const std::lock_guard lock(mutex_);
  const auto slot = index_.find(id);
  if (slot == kNoSlot || !(index_.place(slot) == from)) return Copied::kNotNeeded;
  // Its end may be on its way to the log; a copy behind that would bring it back.
  if (in_flight_.contains(id)) return Copied::kLater;
  unit[0].type = static_cast<std::uint8_t>(RecordType::kMessage);
  unit[0].pieces.emplace_back(index_.encode(slot));
  unit[0].in_segment = true;
  log_->append(std::move(unit), [this, id, from](journal::AppendResult result) {
    if (result) copied(id, from, place_of((*result)[0], (*result)[1]));
  });
  return Copied::kYes;
}

void Spool::Impl::copied(MessageId id, const Place& from, const Place& to) {
  const std::lock_guard lock(mutex_);
  stats_.compacted_bytes += to.unit_bytes;
  const auto slot = index_.find(id);
  if (slot == kNoSlot || !(index_.place(slot) == from)) return;
  live_.release(from.body.segment, from.unit_bytes);
  live_.add(to.body.segment, to.unit_bytes);
  index_.relocate(slot, to);
}

void Spool::Impl::remove_doomed_files() {
  std::vector<std::uint64_t> files;
  {
    const std::lock_guard lock(mutex_);
    files.swap(doomed_files_);
  }
  for (const auto file : files) journal::remove_payload_file(options_.directory, file);
}

/// Waits until all appended so far is in the log and has taken effect, or has failed.
bool Spool::Impl::barrier() {
  auto promise = std::make_shared<std::promise<bool>>();
  auto done = promise->get_future();
  log_->append({}, [promise](const journal::AppendResult& result) { promise->set_value(result.has_value()); });
  return done.get();
}

}  // namespace quartet::spool
