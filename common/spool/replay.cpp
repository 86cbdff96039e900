#include "common/spool/replay.h"

#include "common/spool/unit.h"

namespace quartet::spool {

std::optional<Place> apply_update(Index& index, const Update& update) {
  const auto slot = index.find(update.recipient);
  if (slot == kNoSlot) return std::nullopt;
  if (update.final) return index.remove(slot);
  auto& recipient = index.recipient(slot);
  recipient.attempts = update.attempts;
  recipient.delay_notified = update.delay_notified;
  recipient.bounce = update.bounce;
  index.set_drop(slot, update.drop);
  index.set_next_hop(slot, update.next_hop);
  if (update.reply != Reply{} || recipient.reply != kNoSlot) index.set_reply(slot, update.reply);
  if (update.claimed) {
    recipient.due = to_micros(update.due);  // an active one waits for no time: it is in no order of these
  } else {
    index.set_state(slot, update.state, update.due);
  }
  return std::nullopt;
}

void Replay::apply(const Update& update, Result& result) {
  const auto freed = apply_update(index_, update);
  if (!freed) return;
  live_.release(freed->body.segment, freed->unit_bytes);
  if (freed->body.file != 0) result.dead_files.push_back(freed->body.file);
}

void Replay::feed(const journal::RecordView& record, Source source, Result& result) {
  if (record.first) message_.clear();
  switch (static_cast<RecordType>(record.type)) {
    case RecordType::kMessage:
      message_ = record.payload;
      message_at_ = record.location;
      return;
    case RecordType::kBody:
      feed_body(record, source, result);
      return;
    case RecordType::kUpdates: {
      const auto updates = decode_updates(record.payload);
      // Only the owner changes states.
      if (!updates || source == Source::kOther) {
        ++unreadable_;
        return;
      }
      for (const auto& update : *updates) apply(update, result);
      return;
    }
    case RecordType::kEnvelope: {
      const auto message = decode_message(record.payload);
      if (!message || source == Source::kOther) {
        ++unreadable_;
        return;
      }
      if (const auto slot = index_.find(message->id); slot != kNoSlot) index_.revise(slot, *message);
      return;
    }
  }
  ++unreadable_;
}

void Replay::feed_body(const journal::RecordView& record, Source source, Result& result) {
  const auto message = decode_message(message_);
  const auto place = place_of(message_at_, record.location);
  live_.know(record.location.segment);
  if (!message) {
    ++unreadable_;
    return;
  }
  if (index_.insert(*message, place)) {
    live_.add(place.body.segment, place.unit_bytes);
    result.inserted.push_back(index_.find(message->id));
  } else if (const auto slot = index_.find(message->id); source == Source::kOwn && slot != kNoSlot) {
    const auto old = index_.place(slot);
    if (old == place) return;
    live_.release(old.body.segment, old.unit_bytes);
    live_.add(place.body.segment, place.unit_bytes);
    index_.relocate(slot, place);
  }
}

}  // namespace quartet::spool
