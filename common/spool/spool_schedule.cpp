// What the scheduler does with recipients: take those that are due, bring back what became of them.
#include <limits>

#include "common/base/check.h"
#include "common/spool/spool_impl.h"

namespace quartet::spool {
std::optional<WallTime> Spool::Impl::next_due() {
  const std::lock_guard lock(mutex_);
  const auto slot = index_.first_due();
  told_due_ = slot == kNoSlot ? std::numeric_limits<std::int64_t>::max() : index_.recipient(slot).due;
  if (slot == kNoSlot) return std::nullopt;
  return from_micros(told_due_);
}

Claim Spool::Impl::make_claim(Slot slot, std::map<Slot, std::shared_ptr<const Message>>& known) {
  const auto& recipient = index_.recipient(slot);
  auto& message = known[recipient.message];
  if (!message) message = index_.metadata(recipient.message);
  Claim claim;
  claim.message = message;
  claim.ordinal = recipient.ordinal;
  claim.address = index_.address(slot);
  claim.notify = recipient.notify;
  claim.orcpt = index_.orcpt(slot);
  claim.attempts = recipient.attempts;
  claim.delay_notified = recipient.delay_notified;
  claim.bounce = recipient.bounce;
  claim.next_hop = index_.next_hop(slot);
  claim.last = index_.reply(slot);
  claim.due = from_micros(recipient.due);
  claim.held = recipient.state == State::kHeld;
  index_.recipient(slot).was_held = claim.held;
  index_.set_state(slot, State::kActive, from_micros(recipient.due));
  ++stats_.claimed;
  return claim;
}

std::vector<Claim> Spool::Impl::claim_due(WallTime now, std::size_t max) {
  std::vector<Claim> claims;
  Effects effects;
  {
    const std::lock_guard lock(mutex_);
    std::map<Slot, std::shared_ptr<const Message>> known;
    while (claims.size() < max) {
      const auto slot = index_.first_due();
      if (slot == kNoSlot || index_.recipient(slot).due > to_micros(now)) break;
      claims.push_back(make_claim(slot, known));
      if (watched()) add_event(effects, EventKind::kActive, slot);
    }
  }
  tell(effects);
  return claims;
}

std::vector<Claim> Spool::Impl::claim(const Filter& filter, std::size_t max) {
  std::vector<Claim> claims;
  Effects effects;
  std::map<Slot, std::shared_ptr<const Message>> known;
  const bool held_too = std::ranges::find(filter.states, State::kHeld) != filter.states.end();
  if (max == 0) return claims;
  each_match(
      filter, std::nullopt,
      [&](Slot slot) {
        const auto state = index_.recipient(slot).state;
        if (state == State::kActive || (state == State::kHeld && !held_too)) return true;
        claims.push_back(make_claim(slot, known));
        if (watched()) add_event(effects, EventKind::kActive, slot);
        return claims.size() < max;
      },
      [&] { known.clear(); });  // slots may be used anew once the mutex was free
  tell(effects);
  return claims;
}

void Spool::Impl::unclaim(std::span<const RecipientId> recipients, WallTime due) {
  Effects effects;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& id : recipients) {
      const auto slot = index_.find(id);
      if (slot == kNoSlot || index_.recipient(slot).state != State::kActive) continue;
      auto& recipient = index_.recipient(slot);
      if (recipient.hold_pending || recipient.drop_pending) {
        // As if it came back deferred, which lets the pending change take effect.
        Outcome outcome{id, Result::kDeferred, index_.reply(slot), due, false, recipient.delay_notified};
        log_updates({update_for(outcome, slot)}, {}, true, effects);
        continue;
      }
      const auto state = Index::resting_state(recipient);
      const auto back = recipient.ordered ? wall_now() : due;
      recipient.ordered = false;
      index_.set_state(slot, state, back);
      if (state != State::kHeld) note_due(effects, to_micros(back));
    }
  }
  tell(effects);
}

void Spool::Impl::on_change(std::function<void()> callback) {
  const std::lock_guard lock(mutex_);
  changed_ = std::move(callback);
}

Update Spool::Impl::update_for(const Outcome& outcome, Slot slot) const {
  const auto& recipient = index_.recipient(slot);
  auto update = index_.present(slot);
  update.reply = outcome.reply;
  update.drop = false;
  update.delay_notified = recipient.delay_notified || outcome.delay_notified;
  if (is_final(outcome.result)) {
    update.final = outcome.result;
    return update;
  }
  if (outcome.result == Result::kDeferred) {
    if (outcome.counts && update.attempts != std::numeric_limits<std::uint16_t>::max()) ++update.attempts;
    update.due = outcome.next_attempt;
  }
  update.state = update.attempts != 0 ? State::kDeferred : State::kQueued;
  if (outcome.result == Result::kHeld || recipient.hold_pending) update.state = State::kHeld;
  if (recipient.drop_pending) update.final = Result::kDropped;
  if (recipient.ordered) obey_orders(slot, update);
  return update;
}

/// What an operator ordered while the recipient was active is in the index: what came of the attempt makes way.
void Spool::Impl::obey_orders(Slot slot, Update& update) const {
  const auto& recipient = index_.recipient(slot);
  update.bounce = recipient.bounce;
  update.next_hop = index_.next_hop(slot);
  if (recipient.bounce) {
    auto reply = index_.reply(slot);
    // What ends for lack of time says what the last attempt met.
    if (is_expiry(reply) && (update.reply.code != 0 || !update.reply.text.empty())) {
      update.reply.enhanced = kExpiredStatus;
    } else {
      update.reply = std::move(reply);
    }
  }
  update.due = wall_now();
}

void Spool::Impl::record(std::vector<Outcome> outcomes, Recorded completion) {
  Effects effects;
  {
    const std::lock_guard lock(mutex_);
    std::vector<Update> updates;
    updates.reserve(outcomes.size());
    for (const auto& outcome : outcomes) {
      const auto slot = index_.find(outcome.recipient);
      if (slot == kNoSlot) continue;
      updates.push_back(update_for(outcome, slot));
      if (watched()) add_event(effects, event_of(updates.back()), slot, &outcome.reply);
    }
    for (const auto& update : updates)
      if (!update.final && update.state != State::kHeld) note_due(effects, to_micros(update.due));
    const bool lazy = !completion;
    log_updates(std::move(updates), std::move(completion), lazy, effects);
  }
  tell(effects);
}

}  // namespace quartet::spool
