// How changes of recipients get into the log, and what happens when the log does not take them.
#include "common/base/check.h"
#include "common/spool/spool_impl.h"

namespace quartet::spool {

EventKind Spool::Impl::event_of(const Update& update) {
  if (!update.final) return update.state == State::kHeld ? EventKind::kHeld : EventKind::kDeferred;
  switch (*update.final) {
    case Result::kDelivered:
      return EventKind::kDelivered;
    case Result::kBounced:
      return EventKind::kBounced;
    case Result::kExpired:
      return EventKind::kExpired;
    default:
      return EventKind::kDropped;
  }
}

/// With the mutex held, so that records of one recipient are in the log in the order of its changes.
void Spool::Impl::log_updates(std::vector<Update> updates, Recorded completion, bool lazy, Effects& effects) {
  log_changes({std::move(updates), {}}, std::move(completion), lazy, effects);
}

void Spool::Impl::log_changes(const Changes& changes, Recorded completion, bool lazy, Effects& effects) {
  if (closing_) {
    if (completion) effects.refused.push_back(std::move(completion));
    return;
  }
  auto batch = std::make_shared<Batch>();
  batch->updates = encode_updates(changes.updates);
  batch->revisions = changes.revisions;
  for (const auto& revision : batch->revisions) batch->envelopes.push_back(encode(revision).value_or(""));
  if (completion) batch->waiting.push_back(std::move(completion));
  for (const auto& update : changes.updates) {
    if (auto freed = apply_update(index_, update)) {
      bodies_.erase(update.recipient.message);
      batch->freed.push_back(std::move(*freed));
      continue;
    }
    if (const auto slot = index_.find(update.recipient); slot != kNoSlot && !update.claimed) {
      auto& recipient = index_.recipient(slot);
      recipient.hold_pending = recipient.ordered = false;
      index_.set_drop(slot, false);
    }
  }
  if (!unsaved_.empty()) {
    unsaved_.push_back(std::move(batch));
    return;
  }
  append_batch(batch, lazy);
}

std::optional<std::string> Spool::Impl::encode(const Revision& revision) const {
  const auto slot = index_.find(revision.message);
  return slot == kNoSlot ? std::nullopt : std::optional(index_.encode(slot, revision.added_from));
}

std::vector<journal::NewRecord> Spool::Impl::unit_of(const std::shared_ptr<Batch>& batch) const {
  std::vector<journal::NewRecord> unit;
  const auto add = [&](RecordType type, const std::string& payload) {
    auto& record = unit.emplace_back();
    record.type = static_cast<std::uint8_t>(type);
    record.pieces.emplace_back(std::shared_ptr<const std::string>(batch, &payload));
    record.in_segment = true;
  };
  for (const auto& envelope : batch->envelopes) add(RecordType::kEnvelope, envelope);
  add(RecordType::kUpdates, batch->updates);
  return unit;
}

void Spool::Impl::append_batch(const std::shared_ptr<Batch>& batch, bool lazy) {
  log_->append(unit_of(batch), [this, batch](journal::AppendResult result) { batch_ended(batch, result); },
               {.lazy = lazy, .essential = true});
}

void Spool::Impl::batch_ended(const std::shared_ptr<Batch>& batch, const journal::AppendResult& result) {
  {
    const std::lock_guard lock(mutex_);
    if (!result) {
      unsaved_.push_back(batch);  // the tidy thread tries again
      return;
    }
    free_places(batch->freed);
  }
  for (auto& waiting : batch->waiting) waiting({});
}

void Spool::Impl::free_places(const std::vector<Place>& places) {
  for (const auto& place : places) {
    live_.release(place.body.segment, place.unit_bytes);
    if (place.body.file != 0) doomed_files_.push_back(place.body.file);
  }
}

/// Brings a batch that failed up to what it has to say by now: later changes of its recipients may be in the log
/// already, so states are those of today. False if a record on its way says something newer still.
bool Spool::Impl::renew(Batch& batch) const {
  const auto on_its_way = [this](const Revision& revision) { return in_flight_.contains(revision.message); };
  if (std::ranges::any_of(batch.revisions, on_its_way)) return false;
  const auto decoded = decode_updates(batch.updates);
  QUARTET_CHECK(decoded.has_value());
  std::vector<Update> updates;
  for (auto update : *decoded) {
    if (in_flight_.contains(update.recipient.message)) return false;
    if (!update.final) {
      const auto slot = index_.find(update.recipient);
      if (slot == kNoSlot) continue;
      update = index_.present(slot);
    }
    updates.push_back(std::move(update));
  }
  batch.updates = encode_updates(updates);
  batch.envelopes.clear();
  for (const auto& revision : batch.revisions)
    if (auto envelope = encode(revision)) batch.envelopes.push_back(*std::move(envelope));
  return true;
}

/// Called by one thread at a time. While batches wait, later ones queue up behind them, so what is appended here is
/// newer than all that is in the log.
void Spool::Impl::retry_unsaved() {
  std::vector<std::shared_ptr<Batch>> tried;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& batch : unsaved_) {
      if (renew(*batch)) tried.push_back(batch);
    }
    for (const auto& batch : tried) {
      log_->append(unit_of(batch),
                   [this, batch](journal::AppendResult result) {
                     const std::lock_guard inner(mutex_);
                     batch->saved = result.has_value();
                   },
                   {.essential = true});
    }
  }
  if (tried.empty()) return;
  barrier();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& batch : tried)
      if (batch->saved) free_places(batch->freed);
    std::erase_if(unsaved_, [](const auto& batch) { return batch->saved; });
  }
  for (const auto& batch : tried)
    if (batch->saved)
      for (auto& waiting : batch->waiting) waiting({});
}

void Spool::Impl::record(std::vector<Outcome> outcomes, std::vector<NewMessage> messages, Recorded completion) {
  auto together = std::make_shared<Together>();
  together->completion = std::move(completion);
  std::vector<journal::NewRecord> records(1);
  for (auto& message : messages) {
    complete(message);
    auto& unit = together->units.emplace_back(make_unit(std::move(message)));
    std::ranges::move(unit.records, std::back_inserter(records));
  }
  std::unique_lock lock(mutex_);
  if (closing_) {
    lock.unlock();
    together->completion(std::unexpected(SpoolError{ErrorCode::kClosed, "the spool is closed"}));
    return;
  }
  for (const auto& outcome : outcomes) {
    const auto slot = index_.find(outcome.recipient);
    if (slot == kNoSlot) continue;
    together->updates.push_back(update_for(outcome, slot));
    ++in_flight_[outcome.recipient.message];
  }
  records[0].type = static_cast<std::uint8_t>(RecordType::kUpdates);
  records[0].pieces.emplace_back(encode_updates(together->updates));
  records[0].in_segment = true;
  log_->append(std::move(records), [this, together](journal::AppendResult result) {
    Effects effects;
    {
      const std::lock_guard inner(mutex_);
      leave_flight(*together);
      if (result) take_effect(*together, *result, effects);
    }
    if (result) {
      together->completion({});
    } else {
      together->completion(std::unexpected(to_error(result.error())));
    }
    tell(effects);
  });
}

void Spool::Impl::leave_flight(const Together& together) {
  for (const auto& update : together.updates) {
    const auto it = in_flight_.find(update.recipient.message);
    if (it != in_flight_.end() && --it->second == 0) in_flight_.erase(it);
  }
}

void Spool::Impl::take_effect(Together& together, const std::vector<journal::Location>& locations, Effects& effects) {
  for (const auto& update : together.updates) take_effect(update, effects);
  for (std::size_t i = 0; i < together.units.size(); ++i) {
    auto& unit = together.units[i];
    const auto view = decode_message(*unit.envelope);
    QUARTET_CHECK(view.has_value());
    accepted(*view, place_of(locations[1 + 2 * i], locations[2 + 2 * i]), std::move(unit.body), effects);
  }
}

void Spool::Impl::take_effect(Update update, Effects& effects) {
  const auto slot = index_.find(update.recipient);
  if (slot == kNoSlot) return;
  if (watched()) add_event(effects, event_of(update), slot, &update.reply);
  // An operator's wish that came while the record was on its way.
  const bool ordered = index_.recipient(slot).ordered;
  if (ordered && !update.final) obey_orders(slot, update);
  update.drop = index_.recipient(slot).drop_pending;
  if (auto place = apply_update(index_, update)) {
    bodies_.erase(update.recipient.message);
    free_places({*place});
    return;
  }
  if (update.final) return;
  auto& recipient = index_.recipient(slot);
  const bool hold = recipient.hold_pending && update.state != State::kHeld, drop = recipient.drop_pending;
  recipient.hold_pending = recipient.ordered = false;
  index_.set_drop(slot, false);
  if (hold || drop) {
    update.state = State::kHeld;
    if (drop) update.final = Result::kDropped;
    if (watched()) add_event(effects, event_of(update), slot, &update.reply);
  }
  if (hold || drop || ordered) log_updates({update}, {}, false, effects);
  if (!update.final && update.state != State::kHeld) note_due(effects, to_micros(update.due));
}

}  // namespace quartet::spool
