// What operators do to queued recipients. Every change is a record in the log, made in short steps.
#include "common/spool/spool_impl.h"

namespace quartet::spool {

namespace {

enum class Effect { kChange, kPend, kSkip };

/// Whether what an operator wants takes effect once an attempt that is under way has ended.
bool lasts(Verb verb) {
  return verb == Verb::kHold || verb == Verb::kDrop || verb == Verb::kBounce || verb == Verb::kExpire ||
         verb == Verb::kReroute;
}

/// For what concerns recipients one by one.
Effect effect_of(const Order& order, const Index::RecipientSlot& recipient) {
  const auto verb = order.verb;
  const bool active = recipient.state == State::kActive, held = recipient.state == State::kHeld;
  const bool gives_up = verb == Verb::kBounce || verb == Verb::kExpire;
  if (gives_up && recipient.bounce && !held) return Effect::kSkip;
  const bool stays_held = held || (active && (recipient.was_held || recipient.hold_pending));
  if (verb == Verb::kExpire && stays_held && !order.held_too) return Effect::kSkip;
  if (active) return lasts(verb) ? Effect::kPend : Effect::kSkip;
  switch (verb) {
    case Verb::kDrop:
    case Verb::kBounce:
    case Verb::kExpire:
    case Verb::kReroute:
      return Effect::kChange;
    case Verb::kRelease:
      return held ? Effect::kChange : Effect::kSkip;
    default:
      return held ? Effect::kSkip : Effect::kChange;
  }
}

void tally(Effect effect, Affected& affected) {
  ++(effect == Effect::kChange ? affected.changed : effect == Effect::kPend ? affected.pending : affected.skipped);
}

/// For what concerns the whole message; false: it is so already.
bool revise(const Order& order, Envelope& envelope) {
  if (order.verb == Verb::kTls) return set_tls_wish(envelope, order.tls);
  return std::exchange(envelope.priority, order.priority) != order.priority;
}

Effect effect_of_revision(bool revised, const Index::RecipientSlot& recipient) {
  if (!revised) return Effect::kSkip;
  return recipient.state == State::kActive ? Effect::kPend : Effect::kChange;
}

WallTime due_by(const Order& order, WallTime due) {
  if (order.due != WallTime{}) return order.due;
  return order.later.count() == 0 ? wall_now() : due + order.later;
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
  const auto effect = effect_of(order, recipient);
  tally(effect, affected);
  const bool gives_up = order.verb == Verb::kBounce || order.verb == Verb::kExpire;
  const bool ordered = gives_up || order.verb == Verb::kReroute;
  if (effect == Effect::kPend) {
    if (order.verb == Verb::kHold) recipient.hold_pending = true;
    recipient.ordered |= ordered;
    if (gives_up) recipient.was_held = recipient.hold_pending = false;
  }
  if (effect == Effect::kSkip) return std::nullopt;
  auto update = index_.present(slot);
  update.claimed = effect == Effect::kPend;
  const bool says = order.verb != Verb::kExpire || update.reply.text.empty();
  if (!order.reason.empty() && !recipient.bounce && says) update.reply.text = order.reason;
  if (order.verb == Verb::kReroute) update.next_hop = order.next_hop;
  if (gives_up) update.bounce = true;
  if (order.verb == Verb::kBounce) update.reply = order.reply;
  if (order.verb == Verb::kExpire) update.reply.enhanced = kExpiredStatus;
  if (order.verb == Verb::kDrop && update.claimed) {
    update.drop = true;
    return update;
  }
  if (order.verb == Verb::kDrop) update.final = Result::kDropped;
  if (order.verb == Verb::kReroute && update.state == State::kHeld) return update;
  const bool hold = order.verb == Verb::kHold;
  update.state = hold ? State::kHeld : recipient.attempts != 0 ? State::kDeferred : State::kQueued;
  if (!hold) update.due = due_by(order, update.due);
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

Affected Spool::Impl::foresee(const Filter& filter, const Order& order) const {
  Affected affected;
  MessageId message{};
  bool revised = false;
  each_match(filter, std::nullopt, [&](Slot slot) {
    const auto& recipient = index_.recipient(slot);
    if (!concerns_message(order.verb)) {
      tally(effect_of(order, recipient), affected);
      return true;
    }
    if (const auto id = index_.message(recipient.message).id; id != message) {
      message = id;
      auto envelope = index_.envelope(recipient.message);
      revised = spool::revise(order, envelope);
    }
    tally(effect_of_revision(revised, recipient), affected);
    return true;
  });
  return affected;
}

void Spool::Impl::revise(const Order& order, Slot slot, Slot& message, Changes& changes, Affected& affected) {
  const auto& recipient = index_.recipient(slot);
  const auto id = index_.message(recipient.message).id;
  if (message != recipient.message) {
    message = recipient.message;
    auto envelope = index_.envelope(message);
    if (spool::revise(order, envelope)) {
      auto view = view_of(id, envelope);
      view.total_recipients = index_.message(message).total;
      index_.revise(message, view);
      changes.revisions.push_back({id, view.total_recipients});
    }
  }
  const bool revised = !changes.revisions.empty() && changes.revisions.back().message == id;
  tally(effect_of_revision(revised, recipient), affected);
}

/// Whom it concerns is known before the first change: one may take out of the index what a walk is at. Recipients of
/// one message are in one step if the change concerns all of it, so that they count alike.
Affected Spool::Impl::change(Filter filter, std::span<const RecipientId> ids, const Order& order) {
  Affected affected;
  Effects effects;
  constexpr std::size_t kBatch = 500;
  const bool whole = concerns_message(order.verb);
  std::ranges::sort(filter.ids);
  std::ranges::sort(filter.recipient_ids);
  for (std::size_t next = 0; next < ids.size();) {
    {
      const std::lock_guard lock(mutex_);
      Changes changes;
      Slot message = kNoSlot;
      auto end = std::min(ids.size(), next + kBatch);
      while (whole && end < ids.size() && ids[end].message == ids[end - 1].message) ++end;
      for (; next < end; ++next) {
        const auto slot = index_.find(ids[next]);
        if (slot == kNoSlot || !index_.matches(filter, slot)) continue;
        if (whole) {
          const auto before = affected.changed;
          revise(order, slot, message, changes, affected);
          if (watched() && affected.changed != before) add_event(effects, EventKind::kRevised, slot);
          continue;
        }
        auto update = update_for(order, slot, affected);
        if (!update) continue;
        if (watched() && !update->claimed) add_event(effects, event_of(order.verb), slot, &update->reply);
        if (!update->final && !update->claimed && update->state != State::kHeld)
          note_due(effects, to_micros(update->due));
        changes.updates.push_back(std::move(*update));
      }
      if (!changes.empty()) log_changes(changes, {}, false, effects);
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
