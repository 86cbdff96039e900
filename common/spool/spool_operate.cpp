// What operators do to queued recipients. Every change is a record in the log, made in short steps.
#include "common/spool/spool_impl.h"

namespace quartet::spool {

namespace {

enum class Effect { kChange, kPend, kSkip };

Effect effect_of(Verb verb, const Index::RecipientSlot& recipient) {
  const bool held = recipient.state == State::kHeld;
  const bool lasts = verb == Verb::kHold || verb == Verb::kDrop || verb == Verb::kBounce || verb == Verb::kReroute;
  if (verb == Verb::kBounce && recipient.bounce && !held) return Effect::kSkip;
  if (recipient.state == State::kActive) return lasts ? Effect::kPend : Effect::kSkip;
  switch (verb) {
    case Verb::kDrop:
    case Verb::kBounce:
    case Verb::kReroute:
      return Effect::kChange;
    case Verb::kRelease:
      return held ? Effect::kChange : Effect::kSkip;
    case Verb::kHold:
    case Verb::kRetry:
    case Verb::kReschedule:
      break;
  }
  return held ? Effect::kSkip : Effect::kChange;
}

}  // namespace

EventKind Spool::Impl::event_of(Verb verb) {
  switch (verb) {
    case Verb::kHold:
      return EventKind::kHeld;
    case Verb::kRelease:
      return EventKind::kReleased;
    case Verb::kDrop:
      return EventKind::kDropped;
    default:
      return EventKind::kRescheduled;
  }
}

std::optional<Update> Spool::Impl::update_for(const Order& order, Slot slot, Affected& affected) {
  auto& recipient = index_.recipient(slot);
  const auto effect = effect_of(order.verb, recipient);
  ++(effect == Effect::kChange ? affected.changed : effect == Effect::kPend ? affected.pending : affected.skipped);
  const bool ordered = order.verb == Verb::kBounce || order.verb == Verb::kReroute;
  if (effect == Effect::kPend) {
    if (order.verb == Verb::kHold) recipient.hold_pending = true;
    recipient.ordered |= ordered;
    if (order.verb == Verb::kBounce) recipient.was_held = recipient.hold_pending = false;
  }
  if (effect == Effect::kSkip) return std::nullopt;
  auto update = index_.present(slot);
  update.claimed = effect == Effect::kPend;
  if (!order.reason.empty() && !recipient.bounce) update.reply.text = order.reason;
  if (order.verb == Verb::kReroute) update.next_hop = order.next_hop;
  if (order.verb == Verb::kBounce) {
    update.bounce = true;
    update.reply = order.reply;
  }
  if (order.verb == Verb::kDrop && update.claimed) {
    update.drop = true;
    return update;
  }
  if (order.verb == Verb::kDrop) update.final = Result::kDropped;
  if (order.verb == Verb::kReroute && update.state == State::kHeld) return update;
  const bool hold = order.verb == Verb::kHold;
  update.state = hold ? State::kHeld : recipient.attempts != 0 ? State::kDeferred : State::kQueued;
  if (!hold) update.due = order.due == WallTime{} ? wall_now() : order.due;
  return update;
}

std::vector<RecipientId> Spool::Impl::matching(const Filter& filter) const {
  std::vector<RecipientId> ids;
  each_match(filter, std::nullopt, [&](Slot slot) {
    ids.push_back(index_.id_of(slot));
    return true;
  });
  return ids;
}

Affected Spool::Impl::foresee(const Filter& filter, Verb verb) const {
  Affected affected;
  each_match(filter, std::nullopt, [&](Slot slot) {
    const auto effect = effect_of(verb, index_.recipient(slot));
    ++(effect == Effect::kChange ? affected.changed : effect == Effect::kPend ? affected.pending : affected.skipped);
    return true;
  });
  return affected;
}

/// Whom it concerns is known before the first change: one may take out of the index what a walk is at.
Affected Spool::Impl::change(Filter filter, std::span<const RecipientId> ids, const Order& order) {
  Affected affected;
  Effects effects;
  constexpr std::size_t kBatch = 500;
  std::ranges::sort(filter.ids);
  std::ranges::sort(filter.recipient_ids);
  for (std::size_t next = 0; next < ids.size();) {
    {
      const std::lock_guard lock(mutex_);
      std::vector<Update> updates;
      for (const auto end = std::min(ids.size(), next + kBatch); next < end; ++next) {
        const auto slot = index_.find(ids[next]);
        if (slot == kNoSlot || !index_.matches(filter, slot)) continue;
        auto update = update_for(order, slot, affected);
        if (!update) continue;
        if (watched() && !update->claimed) add_event(effects, event_of(order.verb), slot, &update->reply);
        if (!update->final && !update->claimed && update->state != State::kHeld)
          note_due(effects, to_micros(update->due));
        updates.push_back(std::move(*update));
      }
      if (!updates.empty()) log_updates(std::move(updates), {}, false, effects);
    }
    tell(effects);
    effects = {};
    if (next < ids.size()) make_room();
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
