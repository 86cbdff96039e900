// Taking over what other writers put in. How far each writer's log is in the index moves together with the index, under
// one lock: a checkpoint therefore never has a message's end without having passed its beginning.
#include "common/journal/segments.h"
#include "common/log/log.h"
#include "common/spool/spool_impl.h"

namespace quartet::spool {
namespace {

/// What of a writer changes with everything it does: its published end, and its newest segment.
std::pair<journal::Position, std::string> state_of(const std::filesystem::path& directory, journal::WriterId writer) {
  const auto names = journal::Files(directory, {}).list(journal::writer_prefix(writer), ".log");
  return {journal::read_end(directory, writer).value_or(journal::Position{}), names.empty() ? "" : names.back()};
}

}  // namespace

void Spool::Impl::run_import(const std::stop_token& stop) {
  for (bool failing = false; !stop.stop_requested();) {
    const auto found = import_all();
    if (!found && !failing) log::error("spool.import_failed", {{"reason", found.error().detail}});
    failing = !found;
    if (found)
      for (const auto& damage : found->damage)
        log::error("spool.damage", {{"segment", damage.segment}, {"offset", damage.offset}, {"what", damage.what}});
    waker_->wait(options_.poll_interval);
  }
}

/// Whether a writer was read to its end when it was dead already, and has not written since: a dead writer's last
/// segment would be read anew each time.
bool Spool::Impl::is_settled(journal::WriterId writer) {
  const auto it = settled_.find(writer);
  if (it == settled_.end()) return false;
  if (!journal::writer_alive(options_.directory, writer) && state_of(options_.directory, writer) == it->second)
    return true;
  settled_.erase(it);
  return false;
}

std::expected<journal::ReplayReport, journal::Error> Spool::Impl::import_all() {
  journal::ReplayReport total;
  for (const auto writer : journal::list_writers(options_.directory)) {
    if (writer == 0 || is_settled(writer)) continue;
    const auto state = state_of(options_.directory, writer);
    bool ended = false;
    auto found = import_writer(writer, ended);
    if (!found) return found;
    if (ended) settled_[writer] = state;
    total.records += found->records;
    total.bytes += found->bytes;
    std::ranges::move(found->damage, std::back_inserter(total.damage));
  }
  return total;
}

std::expected<journal::ReplayReport, journal::Error> Spool::Impl::import_writer(journal::WriterId writer, bool& ended) {
  journal::Position from;
  {
    const std::lock_guard lock(mutex_);
    from = cursors_[writer];
  }
  journal::Tail tail(options_.directory, writer, from);
  Replay replay(index_, live_);
  Effects effects;
  auto found = tail.poll([&](const journal::RecordView& record) { take_over(record, replay, effects); });
  ended = tail.ended();
  if (found) {
    const std::lock_guard lock(mutex_);
    cursors_[writer] = tail.position();
    read_bytes_ += found->bytes;
    if (replay.unreadable() != 0)
      found->damage.push_back({from.segment, 0, 0, std::to_string(replay.unreadable()) + " records not understood"});
  }
  tell(effects);
  return found;
}

void Spool::Impl::take_over(const journal::RecordView& record, Replay& replay, Effects& effects) {
  Replay::Result result;
  Body body;
  if (record.type == static_cast<std::uint8_t>(RecordType::kBody) && record.location.file == 0)
    body = std::make_shared<const std::string>(record.payload);
  const std::lock_guard lock(mutex_);
  replay.feed(record, Replay::Source::kOther, result);
  if (record.last)
    cursors_[journal::writer_of(record.location.segment)] = {record.location.segment,
                                                             record.location.offset + record.location.footprint()};
  for (const auto message : result.inserted) {
    ++stats_.handed_over;
    if (body) bodies_.put(index_.message(message).id, body);
    for (auto slot = index_.message(message).first; slot != kNoSlot; slot = index_.recipient(slot).next) {
      if (watched()) add_event(effects, EventKind::kEnqueued, slot);
      if (index_.recipient(slot).heap_place != kNoSlot) note_due(effects, index_.recipient(slot).due);
    }
  }
}

}  // namespace quartet::spool
