#include "common/spool/codec.h"

#include <algorithm>

#include "common/base/encoding.h"
#include "common/base/taker.h"

namespace quartet::spool {
namespace {

// Version 2 has kBounce and kRerouted, with the next hop behind them, version 3 kDrop as well. What needs none of them
// is written as version 1, and so on, so that one can go back to a program that knows no other.
constexpr std::uint8_t kPlain = 1, kWithOrders = 2, kWithDrops = 3;
constexpr std::uint8_t kSmtpUtf8 = 1, kRequireTls = 2;
constexpr std::uint8_t kDelayNotified = 1, kBounce = 2, kRerouted = 4, kDrop = 8;
constexpr std::uint16_t kLargestCode = 999;
constexpr std::uint8_t kAllNotify = kNotifySuccess | kNotifyFailure | kNotifyDelay | kNotifyNever;
constexpr std::uint8_t kFinal = 0x80;  // in an update's state byte: the rest is a Result

void put_reply(std::string& out, const ReplyView& reply) {
  put_le(out, reply.code);
  put_bytes(out, reply.enhanced);
  put_bytes(out, reply.text);
  put_bytes(out, reply.host);
}

ReplyView take_reply(Taker& in) {
  ReplyView reply;
  reply.code = in.number<std::uint16_t>();
  in.require(reply.code <= kLargestCode);
  reply.enhanced = in.text();
  reply.text = in.text();
  reply.host = in.text();
  return reply;
}

/// What is noted of a recipient, in Updates and in RecipientViews.
template <typename Noted>
void put_notes(std::string& out, const Noted& noted) {
  put_le(out, static_cast<std::uint8_t>((noted.delay_notified ? kDelayNotified : 0) | (noted.bounce ? kBounce : 0) |
                                        (noted.next_hop.empty() ? 0 : kRerouted) | (noted.drop ? kDrop : 0)));
  if (!noted.next_hop.empty()) put_bytes(out, noted.next_hop);
}

template <typename Noted>
void take_notes(Taker& in, std::uint8_t version, Noted& noted) {
  const auto flags = in.number<std::uint8_t>();
  if (version == kPlain) {
    noted.delay_notified = flags != 0;
    return;
  }
  constexpr std::uint8_t kOrders = kDelayNotified | kBounce | kRerouted;
  in.require(flags <= (version == kWithOrders ? kOrders : kOrders | kDrop));
  noted.delay_notified = (flags & kDelayNotified) != 0;
  noted.bounce = (flags & kBounce) != 0;
  noted.drop = (flags & kDrop) != 0;
  if ((flags & kRerouted) != 0) noted.next_hop = in.text();
}

std::uint8_t take_version(Taker& in) {
  const auto version = in.number<std::uint8_t>();
  in.require(version >= kPlain && version <= kWithDrops);
  return version;
}

template <typename List>
std::uint8_t version_for(const List& list) {
  if (std::ranges::any_of(list, [](const auto& one) { return one.drop; })) return kWithDrops;
  const bool orders = std::ranges::any_of(list, [](const auto& one) { return one.bounce || !one.next_hop.empty(); });
  return orders ? kWithOrders : kPlain;
}

void put_recipient(std::string& out, const RecipientView& recipient) {
  put_le(out, recipient.ordinal);
  put_bytes(out, recipient.address);
  put_bytes(out, recipient.orcpt);
  put_le(out, recipient.notify);
  // An active recipient is one that waits, for everybody but the process that works on it.
  const auto state = recipient.state != State::kActive ? recipient.state
                     : recipient.attempts != 0         ? State::kDeferred
                                                       : State::kQueued;
  put_le(out, static_cast<std::uint8_t>(state));
  put_le(out, recipient.attempts);
  put_notes(out, recipient);
  put_le(out, to_micros(recipient.due));
  put_reply(out, recipient.last);
}

RecipientView take_recipient(Taker& in, std::uint8_t version) {
  RecipientView recipient;
  recipient.ordinal = in.number<std::uint32_t>();
  recipient.address = in.text();
  recipient.orcpt = in.text();
  recipient.notify = in.number<std::uint8_t>();
  in.require(recipient.notify <= kAllNotify);
  recipient.state = in.choice(State::kHeld);
  in.require(recipient.state != State::kActive);
  recipient.attempts = in.number<std::uint16_t>();
  take_notes(in, version, recipient);
  recipient.due = from_micros(in.number<std::int64_t>());
  recipient.last = take_reply(in);
  return recipient;
}

constexpr std::size_t kSmallestRecipient = 4 + 4 + 4 + 1 + 1 + 2 + 1 + 8 + 14;
constexpr std::size_t kSmallestUpdate = 16 + 4 + 1 + 2 + 1 + 8 + 14;

}  // namespace

ReplyView view_of(const Reply& reply) { return {reply.code, reply.enhanced, reply.text, reply.host}; }

Reply to_reply(const ReplyView& view) {
  return {view.code, std::string(view.enhanced), std::string(view.text), std::string(view.host)};
}

MessageView view_of(MessageId id, const Envelope& envelope) {
  MessageView view;
  view.id = id;
  view.reverse_path = envelope.reverse_path;
  view.ret = envelope.ret;
  view.body_type = envelope.body_type;
  view.smtputf8 = envelope.smtputf8;
  view.require_tls = envelope.require_tls;
  view.priority = envelope.priority;
  view.envid = envelope.envid;
  view.auth_id = envelope.auth_id;
  view.client = envelope.client;
  view.trace_id = envelope.trace_id;
  view.received = envelope.received;
  for (const auto& [key, value] : envelope.attributes) view.attributes.emplace_back(key, value);
  return view;
}

MessageView view_of(const NewMessage& message) {
  auto view = view_of(message.id, message.envelope);
  view.total_recipients = static_cast<std::uint32_t>(message.recipients.size());
  view.recipients.reserve(message.recipients.size());
  for (const auto& recipient : message.recipients) {
    auto& made = view.recipients.emplace_back();
    made.ordinal = static_cast<std::uint32_t>(view.recipients.size() - 1);
    made.address = recipient.address;
    made.orcpt = recipient.orcpt;
    made.notify = recipient.notify;
    made.state = message.held ? State::kHeld : State::kQueued;
    made.due = message.due;
  }
  return view;
}

MessageView view_of(const RestoredMessage& message) {
  auto view = view_of(message.id, message.envelope);
  view.total_recipients = message.accepted_recipients;
  view.recipients.reserve(message.recipients.size());
  for (const auto& recipient : message.recipients) {
    auto& restored = view.recipients.emplace_back();
    restored.ordinal = recipient.ordinal;
    restored.address = recipient.recipient.address;
    restored.orcpt = recipient.recipient.orcpt;
    restored.notify = recipient.recipient.notify;
    restored.state = recipient.state;
    restored.attempts = recipient.attempts;
    restored.delay_notified = recipient.delay_notified;
    restored.bounce = recipient.bounce;
    restored.next_hop = recipient.next_hop;
    restored.due = recipient.due;
    restored.last = view_of(recipient.last);
  }
  return view;
}

Envelope to_envelope(const MessageView& view) {
  Envelope envelope;
  envelope.reverse_path = view.reverse_path;
  envelope.ret = view.ret;
  envelope.envid = view.envid;
  envelope.body_type = view.body_type;
  envelope.smtputf8 = view.smtputf8;
  envelope.require_tls = view.require_tls;
  envelope.priority = view.priority;
  envelope.auth_id = view.auth_id;
  envelope.client = view.client;
  envelope.trace_id = view.trace_id;
  envelope.received = view.received;
  for (const auto& [key, value] : view.attributes) envelope.attributes.emplace_back(key, value);
  return envelope;
}

std::string encode_message(const MessageView& message) {
  std::string out;
  out.reserve(160 + message.recipients.size() * 80);
  put_le(out, version_for(message.recipients));
  put_le(out, message.id.high());
  put_le(out, message.id.low());
  put_le(out, static_cast<std::uint8_t>(message.ret));
  put_le(out, static_cast<std::uint8_t>(message.body_type));
  put_le(out, static_cast<std::uint8_t>((message.smtputf8 ? kSmtpUtf8 : 0) | (message.require_tls ? kRequireTls : 0)));
  put_le(out, message.priority);
  put_le(out, to_micros(message.received));
  for (const auto text : {message.reverse_path, message.envid, message.auth_id, message.client, message.trace_id})
    put_bytes(out, text);
  put_le(out, static_cast<std::uint32_t>(message.attributes.size()));
  for (const auto& [key, value] : message.attributes) {
    put_bytes(out, key);
    put_bytes(out, value);
  }
  put_le(out, message.total_recipients);
  put_le(out, static_cast<std::uint32_t>(message.recipients.size()));
  for (const auto& recipient : message.recipients) put_recipient(out, recipient);
  return out;
}

std::optional<MessageView> decode_message(std::string_view bytes) {
  Taker in(bytes);
  MessageView message;
  const auto version = take_version(in);
  const auto high = in.number<std::uint64_t>();
  const auto low = in.number<std::uint64_t>();
  message.id = MessageId(high, low);
  message.ret = in.choice(Ret::kHeaders);
  message.body_type = in.choice(BodyType::kBinaryMime);
  const auto flags = in.number<std::uint8_t>();
  message.smtputf8 = (flags & kSmtpUtf8) != 0;
  message.require_tls = (flags & kRequireTls) != 0;
  message.priority = in.number<std::int8_t>();
  message.received = from_micros(in.number<std::int64_t>());
  for (auto* text : {&message.reverse_path, &message.envid, &message.auth_id, &message.client, &message.trace_id})
    *text = in.text();
  const auto attributes = in.number<std::uint32_t>();
  if (!in.room_for(attributes, 8)) return std::nullopt;
  for (std::uint32_t i = 0; i < attributes; ++i) {
    const auto key = in.text();
    message.attributes.emplace_back(key, in.text());
  }
  message.total_recipients = in.number<std::uint32_t>();
  in.require(message.total_recipients <= kMostRecipients);
  const auto recipients = in.number<std::uint32_t>();
  if (!in.room_for(recipients, kSmallestRecipient)) return std::nullopt;
  message.recipients.reserve(recipients);
  for (std::uint32_t i = 0; i < recipients; ++i) {
    message.recipients.push_back(take_recipient(in, version));
    in.require(i == 0 || message.recipients[i].ordinal > message.recipients[i - 1].ordinal);
    in.require(message.recipients[i].ordinal < message.total_recipients);
  }
  in.require(static_cast<bool>(message.id));
  if (!in.done()) return std::nullopt;
  return message;
}

std::string encode_updates(std::span<const Update> updates) {
  std::string out;
  out.reserve(8 + updates.size() * 80);
  put_le(out, version_for(updates));
  put_le(out, static_cast<std::uint32_t>(updates.size()));
  for (const auto& update : updates) {
    put_le(out, update.recipient.message.high());
    put_le(out, update.recipient.message.low());
    put_le(out, update.recipient.ordinal);
    put_le(out, static_cast<std::uint8_t>(update.final ? kFinal | static_cast<std::uint8_t>(*update.final)
                                                       : static_cast<std::uint8_t>(update.state)));
    put_le(out, update.attempts);
    put_notes(out, update);
    put_le(out, to_micros(update.due));
    put_reply(out, view_of(update.reply));
  }
  return out;
}

std::optional<std::vector<Update>> decode_updates(std::string_view bytes) {
  Taker in(bytes);
  const auto version = take_version(in);
  const auto count = in.number<std::uint32_t>();
  if (!in.room_for(count, kSmallestUpdate)) return std::nullopt;
  std::vector<Update> updates;
  updates.reserve(count);
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    auto& update = updates.emplace_back();
    const auto high = in.number<std::uint64_t>();
    const auto low = in.number<std::uint64_t>();
    update.recipient = {MessageId(high, low), in.number<std::uint32_t>()};
    const auto state = in.number<std::uint8_t>();
    if ((state & kFinal) != 0) {
      in.require((state & ~kFinal) <= static_cast<std::uint8_t>(Result::kExpired));
      update.final = static_cast<Result>(state & ~kFinal);
    } else {
      in.require(state <= static_cast<std::uint8_t>(State::kHeld) &&
                 state != static_cast<std::uint8_t>(State::kActive));
      update.state = static_cast<State>(state);
    }
    update.attempts = in.number<std::uint16_t>();
    take_notes(in, version, update);
    update.due = from_micros(in.number<std::int64_t>());
    update.reply = to_reply(take_reply(in));
  }
  if (!in.done()) return std::nullopt;
  return updates;
}

}  // namespace quartet::spool
