// Taking new messages in: one unit in the log, then the index.
#include "common/base/check.h"
#include "common/spool/spool_impl.h"

namespace quartet::spool {

void Spool::Impl::submit(NewMessage message, Accepted completion) {
  complete(message);
  append(make_unit(std::move(message)), std::move(completion));
}

void Spool::Impl::append(MessageUnit unit, Accepted completion) {
  log_->append(std::move(unit.records), [this, envelope = std::move(unit.envelope), body = std::move(unit.body),
                                         completion = std::move(completion)](journal::AppendResult result) mutable {
    if (!result) {
      completion(std::unexpected(to_error(result.error())));
      return;
    }
    const auto view = decode_message(*envelope);
    QUARTET_CHECK(view.has_value());
    Effects effects;
    {
      const std::lock_guard lock(mutex_);
      accepted(*view, place_of((*result)[0], (*result)[1]), std::move(body), effects);
    }
    completion(view->id);
    tell(effects);
  });
}

/// What the log has to say of the message's earlier time here comes before it: so all of that is durable first.
void Spool::Impl::restore(RestoredMessage message, Accepted completion) {
  auto unit = std::make_shared<MessageUnit>(make_unit(std::move(message)));
  sync([this, unit, completion = std::move(completion)](std::expected<void, SpoolError> synced) mutable {
    if (auto refused = synced ? enter(unit->id) : synced.error()) {
      completion(std::unexpected(*std::move(refused)));
      return;
    }
    append(std::move(*unit), [this, id = unit->id, completion = std::move(completion)](auto result) mutable {
      {
        const std::lock_guard lock(mutex_);
        restoring_.erase(id);
      }
      completion(std::move(result));
    });
  });
}

/// Nobody else puts in a message of this id until it is out of `restoring_`; or why it cannot be put in.
std::optional<SpoolError> Spool::Impl::enter(MessageId id) {
  const std::lock_guard lock(mutex_);
  if (closing_) return SpoolError{ErrorCode::kClosed, "the spool is closed"};
  if (!unsaved_.empty()) return SpoolError{ErrorCode::kIo, "earlier changes wait for the disk"};
  if (index_.find(id) != kNoSlot || in_flight_.contains(id) || !restoring_.insert(id).second)
    return SpoolError{ErrorCode::kExists, id.to_string() + " is queued here"};
  return std::nullopt;
}

/// The message is durable: into the index with it. With the mutex held.
void Spool::Impl::accepted(const MessageView& message, const Place& place, Body body, Effects& effects) {
  const bool fresh = index_.insert(message, place);
  QUARTET_CHECK(fresh);  // ids are unique; who gives the same one twice breaks the queue
  live_.add(place.body.segment, place.unit_bytes);
  if (body) bodies_.put(message.id, std::move(body));
  const auto slot = index_.find(message.id);
  for (auto r = index_.message(slot).first; r != kNoSlot; r = index_.recipient(r).next) {
    if (watched()) add_event(effects, EventKind::kEnqueued, r);
    if (index_.recipient(r).heap_place != kNoSlot) note_due(effects, index_.recipient(r).due);
  }
}

void Spool::Impl::note_due(Effects& effects, std::int64_t due) {
  if (due >= told_due_) return;
  told_due_ = due;  // once told, the scheduler looks before it waits again
  effects.changed = changed_;
}

void Spool::Impl::add_event(Effects& effects, EventKind kind, Slot slot, const Reply* reply) {
  const auto& recipient = index_.recipient(slot);
  Event event;
  event.kind = kind;
  event.time = wall_now();
  event.recipient = index_.id_of(slot);
  event.reverse_path = index_.sender(recipient.message);
  event.address = index_.address(slot);
  event.trace_id = index_.envelope(recipient.message).trace_id;
  event.reply = reply != nullptr ? *reply : index_.reply(slot);
  event.next_attempt = from_micros(recipient.due);
  std::erase_if(subscriptions_, [&](const auto& weak) {
    auto watcher = weak.lock();
    if (!watcher) return true;
    if (auto ready = watcher->push(event)) effects.ready.push_back(std::move(ready));
    if (std::ranges::find(effects.watchers, watcher) == effects.watchers.end())
      effects.watchers.push_back(std::move(watcher));
    return false;
  });
}

void Spool::Impl::tell(Effects& effects) {
  for (const auto& ready : effects.ready) ready();
  for (auto& completion : effects.refused)
    completion(std::unexpected(SpoolError{ErrorCode::kClosed, "the spool is closed"}));
  if (effects.changed) effects.changed();
}

}  // namespace quartet::spool
