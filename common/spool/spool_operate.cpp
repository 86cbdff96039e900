// What operators do to queued recipients. Every change is a record in the log, made in steps of a thousand.
#include "common/spool/spool_impl.h"

namespace quartet::spool {

EventKind Spool::Impl::event_of(Operation operation) {
  switch (operation) {
    case Operation::kHold:
      return EventKind::kHeld;
    case Operation::kRelease:
      return EventKind::kReleased;
    case Operation::kDrop:
      return EventKind::kDropped;
    default:
      return EventKind::kRescheduled;
  }
}

std::optional<Update> Spool::Impl::update_for(Operation operation, Slot slot, WallTime due, const std::string& reason,
                                              Affected& affected) {
  auto& recipient = index_.recipient(slot);
  const bool active = recipient.state == State::kActive, held = recipient.state == State::kHeld;
  if (active && (operation == Operation::kHold || operation == Operation::kDrop)) {
    if (operation == Operation::kHold) recipient.hold_pending = true;
    if (operation == Operation::kDrop) recipient.drop_pending = true;
    ++affected.pending;
    return std::nullopt;
  }
  const bool applies = operation == Operation::kDrop || (operation == Operation::kRelease ? held : !held);
  if (active || !applies) {
    ++affected.skipped;
    return std::nullopt;
  }
  Update update;
  update.recipient = index_.id_of(slot);
  update.attempts = recipient.attempts;
  update.delay_notified = recipient.delay_notified;
  update.reply = index_.reply(slot);
  if (!reason.empty()) update.reply.text = reason;
  update.state = operation == Operation::kHold ? State::kHeld
                 : recipient.attempts != 0     ? State::kDeferred
                                               : State::kQueued;
  update.due = operation == Operation::kHold ? from_micros(recipient.due) : due;
  if (operation == Operation::kDrop) update.final = Result::kDropped;
  ++affected.changed;
  return update;
}

Affected Spool::Impl::operate(const Filter& filter, Operation operation, WallTime due, const std::string& reason) {
  Affected affected;
  Effects effects;
  if (due == WallTime{}) due = wall_now();
  constexpr std::size_t kBatch = 500;
  // First whom it concerns, then the changes: a change may take out of the index what the walk is at.
  std::vector<RecipientId> ids;
  each_match(filter, std::nullopt, [&](Slot slot) {
    ids.push_back(index_.id_of(slot));
    return true;
  });
  Filter sorted = filter;
  std::ranges::sort(sorted.ids);
  std::ranges::sort(sorted.recipient_ids);
  for (std::size_t next = 0; next < ids.size();) {
    {
      const std::lock_guard lock(mutex_);
      std::vector<Update> updates;
      for (; next < ids.size() && updates.size() < kBatch; ++next) {
        const auto slot = index_.find(ids[next]);
        if (slot == kNoSlot || !index_.matches(sorted, slot)) continue;
        auto update = update_for(operation, slot, due, reason, affected);
        if (!update) continue;
        if (watched()) add_event(effects, event_of(operation), slot, &update->reply);
        if (!update->final && update->state != State::kHeld) note_due(effects, to_micros(update->due));
        updates.push_back(std::move(*update));
      }
      if (!updates.empty()) log_updates(std::move(updates), {}, false, effects);
    }
    tell(effects);
    effects = {};
  }
  return affected;
}

void Spool::Impl::sync(Recorded completion) {
  {
    const std::lock_guard lock(mutex_);
    if (!unsaved_.empty()) {
      unsaved_.back()->waiting.push_back(std::move(completion));
      return;
    }
  }
  log_->append({}, [completion = std::move(completion)](journal::AppendResult result) mutable {
    if (result) {
      completion({});
    } else {
      completion(std::unexpected(to_error(result.error())));
    }
  });
}

}  // namespace quartet::spool
