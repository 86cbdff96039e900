#include "common/spool/index.h"

#include <algorithm>
#include <utility>

#include "common/base/ascii.h"
#include "common/base/check.h"
#include "common/base/encoding.h"
#include "common/mime/idna.h"

namespace quartet::spool {
namespace {

/// "org.x.mail" for "mail.x.org".
std::string reversed(std::string_view domain) {
  std::string out;
  out.reserve(domain.size());
  for (;;) {
    const auto dot = domain.rfind('.');
    out += domain.substr(dot == std::string_view::npos ? 0 : dot + 1);
    if (dot == std::string_view::npos) return out;
    out += '.';
    domain = domain.substr(0, dot);
  }
}

std::string pack_reply(const Reply& reply) {
  std::string packed;
  put_bytes(packed, reply.enhanced);
  put_bytes(packed, reply.text);
  put_bytes(packed, reply.host);
  return packed;
}

bool waits(State state) { return state == State::kQueued || state == State::kDeferred; }

}  // namespace

OrderedSlots::Place Index::lower_bound(MessageId id) const {
  // Mostly a new one, behind all others.
  if (!order_.empty() && messages_[order_.last()].id < id) return order_.end();
  return order_.lower_bound([&](Slot slot) { return messages_[slot].id < id; });
}

Slot Index::find(MessageId id) const {
  const auto place = lower_bound(id);
  if (order_.at_end(place) || messages_[order_[place]].id != id) return kNoSlot;
  return order_[place];
}

Slot Index::find(const RecipientId& id) const {
  const auto message = find(id.message);
  if (message == kNoSlot) return kNoSlot;
  // Recipients that came together mostly have slots in a row, upwards or (slots used again) downwards. A message may
  // have thousands: to walk along all of them for each would make operations on the queue quadratic.
  const Slot first = messages_[message].first;
  const Slot distance = id.ordinal - recipients_[first].ordinal;
  for (const Slot guess : {first + distance, first - distance})
    if (guess < recipients_.end() && recipients_[guess].message == message && recipients_[guess].ordinal == id.ordinal)
      return guess;
  for (Slot slot = messages_[message].first; slot != kNoSlot; slot = recipients_[slot].next)
    if (recipients_[slot].ordinal == id.ordinal) return slot;
  return kNoSlot;
}

bool Index::insert(const MessageView& view, const Place& place) {
  const auto position = lower_bound(view.id);
  if (!order_.at_end(position) && messages_[order_[position]].id == view.id) return false;
  if (view.recipients.empty()) return false;
  const Slot slot = messages_.allocate();
  auto& message = messages_[slot];
  message.id = view.id;
  message.received = to_micros(view.received);
  message.total = view.total_recipients;
  relocate(slot, place);
  std::vector<std::uint32_t> offsets;
  message.cold = pack_cold(view, offsets);
  link_sender(slot, view.reverse_path);
  Slot* next = &message.first;
  for (std::size_t i = 0; i < view.recipients.size(); ++i) {
    const Slot recipient = recipients_.allocate();
    *next = recipient;
    add_recipient(slot, recipient, view.recipients[i], offsets[i]);
    next = &recipients_[recipient].next;
  }
  order_.insert(position, slot);
  ++counts_.messages;
  counts_.body_bytes += message.body_length;
  return true;
}

void Index::add_recipient(Slot message, Slot slot, const RecipientView& view, std::uint32_t cold_offset) {
  auto& recipient = recipients_[slot];
  recipient.message = message;
  recipient.ordinal = view.ordinal;
  recipient.cold_offset = cold_offset;
  recipient.notify = view.notify;
  recipient.attempts = view.attempts;
  recipient.delay_notified = view.delay_notified;
  recipient.bounce = view.bounce;
  set_drop(slot, view.drop);
  set_next_hop(slot, view.next_hop);
  recipient.state = view.state;
  recipient.due = to_micros(view.due);
  link_domain(slot, mime::domain_of(view.address));
  if (auto last = to_reply(view.last); last != Reply{}) set_reply(slot, last);
  if (waits(view.state)) heap_add(slot);
  ++counts_.recipients[static_cast<std::size_t>(view.state)];
}

void Index::set_state(Slot slot, State state, WallTime due) {
  auto& recipient = recipients_[slot];
  if (recipient.heap_place != kNoSlot) heap_remove(slot);
  --counts_.recipients[static_cast<std::size_t>(recipient.state)];
  ++counts_.recipients[static_cast<std::size_t>(state)];
  recipient.state = state;
  recipient.due = to_micros(due);
  if (waits(state)) heap_add(slot);
}

void Index::set_reply(Slot slot, const Reply& reply) {
  auto& recipient = recipients_[slot];
  const auto old = std::exchange(recipient.reply, texts_.acquire(pack_reply(reply)));
  if (old != kNoSlot) texts_.release(old);
  recipient.code = reply.code;
}

void Index::set_next_hop(Slot slot, std::string_view next_hop) {
  const auto old = next_hops_.find(slot);
  if (next_hop.empty() && old == next_hops_.end()) return;
  const auto fresh = next_hop.empty() ? kNoSlot : texts_.acquire(next_hop);
  if (old != next_hops_.end()) {
    texts_.release(old->second);
    next_hops_.erase(old);
  }
  if (fresh != kNoSlot) next_hops_.emplace(slot, fresh);
}

std::string Index::next_hop(Slot slot) const {
  const auto found = next_hops_.find(slot);
  return found == next_hops_.end() ? std::string() : std::string(texts_.text(found->second));
}

void Index::set_drop(Slot slot, bool drop) {
  auto& recipient = recipients_[slot];
  drops_ += (drop ? 1u : 0u) - (recipient.drop_pending ? 1u : 0u);
  recipient.drop_pending = drop;
}

Update Index::present(Slot slot) const {
  const auto& recipient = recipients_[slot];
  Update update;
  update.recipient = id_of(slot);
  update.state = resting_state(recipient);
  update.attempts = recipient.attempts;
  update.delay_notified = recipient.delay_notified;
  update.bounce = recipient.bounce;
  update.drop = recipient.drop_pending;
  update.next_hop = next_hop(slot);
  update.due = from_micros(recipient.due);
  update.reply = reply(slot);
  return update;
}

Reply Index::reply(Slot slot) const {
  const auto& recipient = recipients_[slot];
  Reply reply;
  if (recipient.reply == kNoSlot) return reply;
  std::string_view packed = texts_.text(recipient.reply);
  reply.code = recipient.code;
  reply.enhanced = take_bytes(packed).value_or("");
  reply.text = take_bytes(packed).value_or("");
  reply.host = take_bytes(packed).value_or("");
  return reply;
}

std::optional<Place> Index::remove(Slot slot) {
  auto& recipient = recipients_[slot];
  const Slot owner = recipient.message;
  auto& message = messages_[owner];
  Slot* link = &message.first;
  while (*link != slot) link = &recipients_[*link].next;
  *link = recipient.next;
  if (recipient.heap_place != kNoSlot) heap_remove(slot);
  --counts_.recipients[static_cast<std::size_t>(recipient.state)];
  unlink_domain(slot);
  if (recipient.reply != kNoSlot) texts_.release(recipient.reply);
  set_next_hop(slot, {});
  set_drop(slot, false);
  recipients_.free(slot);
  if (message.first != kNoSlot) return std::nullopt;

  const auto freed = place(owner);
  --counts_.messages;
  counts_.body_bytes -= message.body_length;
  order_.erase(lower_bound(message.id));
  unlink_sender(owner);
  release_cold(owner);
  files_.erase(owner);
  messages_.free(owner);
  return freed;
}

void Index::relocate(Slot slot, const Place& place) {
  auto& message = messages_[slot];
  message.segment = place.body.segment;
  message.body_offset = place.body.offset;
  message.body_length = place.body.length;
  message.unit_bytes = place.unit_bytes;
  if (place.body.file != 0) {
    files_[slot] = place.body.file;
  } else {
    files_.erase(slot);
  }
}

Place Index::place(Slot slot) const {
  const auto& message = messages_[slot];
  const auto file = files_.find(slot);
  return {{message.segment, message.body_offset, message.body_length, file == files_.end() ? 0 : file->second},
          message.unit_bytes};
}

void Index::link_domain(Slot slot, std::string_view domain) {
  auto& recipient = recipients_[slot];
  recipient.domain = domains_.acquire(domain);
  if (domains_.uses(recipient.domain) == 1) reversed_domains_.emplace(reversed(domain), recipient.domain);
  auto& head = domains_.head(recipient.domain);
  recipient.domain_next = head;
  if (head != kNoSlot) recipients_[head].domain_previous = slot;
  head = slot;
}

void Index::unlink_domain(Slot slot) {
  auto& recipient = recipients_[slot];
  if (recipient.domain_next != kNoSlot) recipients_[recipient.domain_next].domain_previous = recipient.domain_previous;
  if (recipient.domain_previous != kNoSlot) {
    recipients_[recipient.domain_previous].domain_next = recipient.domain_next;
  } else {
    domains_.head(recipient.domain) = recipient.domain_next;
  }
  if (domains_.uses(recipient.domain) == 1) reversed_domains_.erase(reversed(domains_.text(recipient.domain)));
  domains_.release(recipient.domain);
}

void Index::link_sender(Slot slot, std::string_view reverse_path) {
  auto& message = messages_[slot];
  message.sender = senders_.acquire(reverse_path);
  auto& head = senders_.head(message.sender);
  message.sender_next = head;
  if (head != kNoSlot) messages_[head].sender_previous = slot;
  head = slot;
}

void Index::unlink_sender(Slot slot) {
  auto& message = messages_[slot];
  if (message.sender_next != kNoSlot) messages_[message.sender_next].sender_previous = message.sender_previous;
  if (message.sender_previous != kNoSlot) {
    messages_[message.sender_previous].sender_next = message.sender_next;
  } else {
    senders_.head(message.sender) = message.sender_next;
  }
  senders_.release(message.sender);
}

// The heap has four children a node: flatter than two, and as many comparisons.

void Index::heap_add(Slot slot) {
  heap_.push_back(slot);
  heap_put(heap_.size() - 1, slot);
  heap_up(heap_.size() - 1);
}

void Index::heap_remove(Slot slot) {
  const std::size_t at = recipients_[slot].heap_place;
  QUARTET_CHECK(at < heap_.size() && heap_[at] == slot);
  recipients_[slot].heap_place = kNoSlot;
  const Slot last = heap_.back();
  heap_.pop_back();
  if (last == slot) return;
  heap_put(at, last);
  heap_up(at);
  heap_down(recipients_[last].heap_place);
}

void Index::heap_up(std::size_t at) {
  const Slot slot = heap_[at];
  while (at > 0 && earlier(slot, heap_[(at - 1) / 4])) {
    heap_put(at, heap_[(at - 1) / 4]);
    at = (at - 1) / 4;
  }
  heap_put(at, slot);
}

void Index::heap_down(std::size_t at) {
  const Slot slot = heap_[at];
  for (;;) {
    std::size_t best = at * 4 + 1;
    if (best >= heap_.size()) break;
    const auto end = std::min(best + 4, heap_.size());
    for (auto child = best + 1; child < end; ++child)
      if (earlier(heap_[child], heap_[best])) best = child;
    if (!earlier(heap_[best], slot)) break;
    heap_put(at, heap_[best]);
    at = best;
  }
  heap_put(at, slot);
}

}  // namespace quartet::spool
