// Opening: the checkpoint, then what the logs have behind it. Other writers' logs come first: the owner's log may speak
// of messages that are in them.
#include <unordered_set>

#include "common/journal/files.h"
#include "common/log/log.h"
#include "common/spool/names.h"
#include "common/spool/spool_impl.h"

namespace quartet::spool {
namespace {

/// A writer needs moments from a payload's file to the record that names it; what is older and unnamed is of no use.
constexpr auto kStrayAge = std::chrono::minutes(10);

bool overlaps(const journal::Damage& damage, const journal::Location& location) {
  return damage.segment == location.segment && damage.offset < location.offset + location.footprint() &&
         location.offset < damage.offset + damage.length;
}

}  // namespace

Spool::Impl::Impl(Options options)
    : options_(std::move(options)),
      files_(options_.directory, options_.fault),
      reader_(options_.directory),
      bodies_(options_.body_cache) {}

Spool::Impl::~Impl() { close(); }

std::expected<void, SpoolError> Spool::Impl::open() {
  if (const auto made = files_.make_directories(); !made) return std::unexpected(to_error(made.error()));
  auto lock = journal::FileLock::take(options_.directory / kOwnerLockName);
  if (!lock) return std::unexpected(to_error(lock.error()));
  lock_file_.emplace(std::move(*lock));
  if (const auto loaded = load(); !loaded) return loaded;
  readers_ = std::make_unique<async::ThreadPool>("spool-read", std::max<std::size_t>(options_.read_threads, 1));
  waker_ = std::make_unique<Waker>(options_.directory);
  opened_ = true;
  import_thread_ = std::jthread([this](const std::stop_token& stop) { run_import(stop); });
  tidy_thread_ = std::jthread([this](const std::stop_token& stop) { run_tidy(stop); });
  return {};
}

std::expected<void, SpoolError> Spool::Impl::load() {
  if (const auto loaded = load_index(); !loaded) return loaded;
  if (const auto replayed = replay(); !replayed) return replayed;
  const auto segments = journal::list_segments(options_.directory);
  if (!segments) return std::unexpected(to_error(segments.error()));
  for (const auto& segment : *segments) live_.know(segment.id);
  settle_losses();
  settle_drops();
  remove_stray_files();
  open_report_.messages = index_.counts().messages;
  open_report_.recipients = index_.counts().total_recipients();
  return {};
}

std::expected<void, SpoolError> Spool::Impl::load_index() {
  for (const auto* name : {kCheckpointName, kOldCheckpointName}) {
    const auto loaded = load_checkpoint(options_.directory / name, index_, live_);
    if (loaded && *loaded) {
      checkpoint_ = cursors_ = (*loaded)->marks;
      checkpoint_bytes_ = (*loaded)->bytes;
      old_checkpoint_ = read_marks(options_.directory / kOldCheckpointName).value_or(Marks{});
      open_report_.checkpoint_used = true;
      cursors_.erase(0);
      return {};
    }
    index_ = {};
    live_ = {};
    if (loaded) continue;
    if (loaded.error().code != journal::ErrorCode::kDamaged) return std::unexpected(to_error(loaded.error()));
    open_report_.damage.push_back({0, 0, 0, loaded.error().detail});
    // It must not take the place of a good one when the next is written.
    if (const auto aside = files_.rename(name, std::string(name) + ".bad"); !aside)
      return std::unexpected(to_error(aside.error()));
  }
  return {};
}

std::expected<void, SpoolError> Spool::Impl::replay() {
  const auto taken = import_all();
  if (!taken) return std::unexpected(to_error(taken.error()));
  journal::Options options;
  options.directory = options_.directory;
  options.writer = 0;
  options.segment_size = options_.segment_size;
  options.large_payload = options_.large_body;
  options.fault = options_.fault;
  if (const auto mark = checkpoint_.find(0); mark != checkpoint_.end()) options.replay_from = mark->second;
  // Only with a checkpoint can what it stands for be missing; without, changes that were in it are lost.
  options.unbroken = true;
  Replay replay(index_, live_);
  Replay::Result result;
  auto log = journal::Writer::open(std::move(options), [&](const journal::RecordView& record) {
    replay.feed(record, Replay::Source::kOwn, result);
  });
  if (!log) return std::unexpected(to_error(log.error()));
  log_ = std::move(*log);
  const auto& report = log_->replay_report();
  read_bytes_ += report.bytes;
  open_report_.replayed_records = taken->records + report.records;
  for (const auto* damage : {&taken->damage, &report.damage})
    open_report_.damage.insert(open_report_.damage.end(), damage->begin(), damage->end());
  if (replay.unreadable() != 0)
    open_report_.damage.push_back({0, 0, 0, std::to_string(replay.unreadable()) + " records could not be understood"});
  doomed_files_ = std::move(result.dead_files);
  return {};
}

/// Messages whose body is gone are kept, on hold, so that somebody is told of them.
void Spool::Impl::settle_losses() {
  const auto files = journal::list_payload_files(options_.directory);
  const std::unordered_set<std::uint64_t> present(files.begin(), files.end());
  std::unordered_set<journal::SegmentId> segments;
  if (const auto listed = journal::list_segments(options_.directory))
    for (const auto& segment : *listed) segments.insert(segment.id);
  const auto is_lost = [&](const journal::Location& body) {
    return !segments.contains(body.segment) || (body.file != 0 && !present.contains(body.file)) ||
           std::ranges::any_of(open_report_.damage, [&](const auto& damage) { return overlaps(damage, body); });
  };
  std::vector<Update> updates;
  MessageId after;
  for (auto slots = index_.walk_messages(after, 1000); !slots.empty(); slots = index_.walk_messages(after, 1000)) {
    after = index_.message(slots.back()).id;
    for (const auto message : slots) {
      if (!is_lost(index_.place(message).body)) continue;
      ++open_report_.lost_bodies;
      for (auto slot = index_.message(message).first; slot != kNoSlot; slot = index_.recipient(slot).next) {
        if (index_.recipient(slot).state == State::kHeld) continue;
        auto& update = updates.emplace_back(index_.present(slot));
        update.state = State::kHeld;
        update.reply = {0, "", "the message's body is lost", ""};
      }
    }
  }
  if (updates.empty()) return;
  const std::lock_guard lock(mutex_);
  Effects none;
  log_updates(std::move(updates), {}, false, none);
}

/// What an operator dropped while it was being delivered, by a process that did not come to its end.
void Spool::Impl::settle_drops() {
  std::vector<Update> updates;
  std::optional<RecipientId> after;
  while (updates.size() < index_.drops()) {
    const auto slots = index_.walk(after, 1000);
    if (slots.empty()) break;
    after = index_.id_of(slots.back());
    for (const auto slot : slots)
      if (index_.recipient(slot).drop_pending) updates.emplace_back(index_.present(slot)).final = Result::kDropped;
  }
  if (updates.empty()) return;
  const std::lock_guard lock(mutex_);
  Effects none;
  log_updates(std::move(updates), {}, false, none);
}

/// A crash between a payload's file and its record leaves a file that belongs to nothing.
void Spool::Impl::remove_stray_files() {
  remove_doomed_files();
  const auto files = journal::list_payload_files(options_.directory);
  if (files.empty() || !open_report_.damage.empty()) return;  // after damage they may be all there is left
  std::unordered_set<std::uint64_t> used;
  MessageId after;
  for (auto slots = index_.walk_messages(after, 1000); !slots.empty(); slots = index_.walk_messages(after, 1000)) {
    after = index_.message(slots.back()).id;
    for (const auto slot : slots) used.insert(index_.place(slot).body.file);
  }
  const auto now = std::filesystem::file_time_type::clock::now();
  for (const auto file : files) {
    if (used.contains(file)) continue;
    std::error_code error;
    const auto written = std::filesystem::last_write_time(options_.directory / journal::payload_name(file), error);
    if (!error && now - written > kStrayAge) journal::remove_payload_file(options_.directory, file);
  }
}

void Spool::Impl::stop_threads() {
  import_thread_.request_stop();
  tidy_thread_.request_stop();
  waker_->stop();
  if (import_thread_.joinable()) import_thread_.join();
  if (tidy_thread_.joinable()) tidy_thread_.join();
}

void Spool::Impl::close() {
  const std::lock_guard once(close_mutex_);
  if (!std::exchange(opened_, false)) return;
  stop_threads();
  retry_unsaved();
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  log_->close();
  if (const auto written = write_checkpoint(); !written)
    log::warn("spool.checkpoint_failed", {{"reason", written.error().detail}});
  remove_doomed_files();
  std::deque<std::shared_ptr<Batch>> refused;
  {
    const std::lock_guard lock(mutex_);
    refused.swap(unsaved_);
  }
  for (const auto& batch : refused)
    for (auto& waiting : batch->waiting)
      waiting(std::unexpected(SpoolError{ErrorCode::kClosed, "the log did not take the change"}));
  readers_.reset();
  waker_.reset();
}

}  // namespace quartet::spool
