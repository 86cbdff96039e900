#include "common/control/convert.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/control/archive.h"
#include "common/control/selector_text.h"
#include "common/mime/idna.h"
#include "common/spool/filter.h"

namespace quartet::control {
namespace {

/// Protobuf's own range for both types, 0001 to 9999 for timestamps, fits in microseconds.
constexpr std::int64_t kMostSeconds = 315'576'000'000;

std::expected<WallTime, std::string> to_time(const google::protobuf::Timestamp& time, const char* field) {
  if (time.seconds() > kMostSeconds || time.seconds() < -kMostSeconds || time.nanos() < 0 || time.nanos() > 999'999'999)
    return std::unexpected(std::string(field) + ": not a time");
  return from_micros(time.seconds() * 1'000'000 + time.nanos() / 1000);
}

std::expected<WallTime, std::string> ago(const google::protobuf::Duration& age, WallTime now, const char* field) {
  if (age.seconds() < 0 || age.seconds() > kMostSeconds || age.nanos() < 0 || age.nanos() > 999'999'999)
    return std::unexpected(std::string(field) + ": not a duration of zero or more");
  return now - std::chrono::microseconds(age.seconds() * 1'000'000 + age.nanos() / 1000);
}

std::expected<spool::State, std::string> to_state(int state) {
  switch (state) {
    case v1::STATE_QUEUED:
      return spool::State::kQueued;
    case v1::STATE_ACTIVE:
      return spool::State::kActive;
    case v1::STATE_DEFERRED:
      return spool::State::kDeferred;
    case v1::STATE_HELD:
      return spool::State::kHeld;
    default:
      return std::unexpected("state: " + std::to_string(state) + " is none");
  }
}

v1::State from_state(spool::State state) {
  switch (state) {
    case spool::State::kQueued:
      return v1::STATE_QUEUED;
    case spool::State::kActive:
      return v1::STATE_ACTIVE;
    case spool::State::kDeferred:
      return v1::STATE_DEFERRED;
    case spool::State::kHeld:
      return v1::STATE_HELD;
  }
  return v1::STATE_UNSPECIFIED;
}

v1::QueueEvent::Kind from_kind(spool::EventKind kind) {
  switch (kind) {
    case spool::EventKind::kEnqueued:
      return v1::QueueEvent::KIND_ENQUEUED;
    case spool::EventKind::kActive:
      return v1::QueueEvent::KIND_ACTIVE;
    case spool::EventKind::kDelivered:
      return v1::QueueEvent::KIND_DELIVERED;
    case spool::EventKind::kDeferred:
      return v1::QueueEvent::KIND_DEFERRED;
    case spool::EventKind::kBounced:
      return v1::QueueEvent::KIND_BOUNCED;
    case spool::EventKind::kExpired:
      return v1::QueueEvent::KIND_EXPIRED;
    case spool::EventKind::kDropped:
      return v1::QueueEvent::KIND_DROPPED;
    case spool::EventKind::kHeld:
      return v1::QueueEvent::KIND_HELD;
    case spool::EventKind::kReleased:
      return v1::QueueEvent::KIND_RELEASED;
    case spool::EventKind::kRescheduled:
      return v1::QueueEvent::KIND_RESCHEDULED;
    case spool::EventKind::kRevised:
      return v1::QueueEvent::KIND_REVISED;
  }
  return v1::QueueEvent::KIND_UNSPECIFIED;
}

/// "id" and "id.ordinal". The spool wants both kinds to match if both are given; a selector means either.
std::expected<void, std::string> add_ids(const v1::Selector& selector, spool::Filter& filter) {
  for (const auto& text : selector.id()) {
    const auto dot = text.find('.');
    const auto message = Id::parse(std::string_view(text).substr(0, dot));
    if (!message) return std::unexpected("id: \"" + utf8(text, 100) + "\" is not an id");
    if (dot == std::string::npos) {
      filter.ids.push_back(*message);
      continue;
    }
    const auto ordinal = ascii::to_number<std::uint32_t>(std::string_view(text).substr(dot + 1));
    if (!ordinal) return std::unexpected("id: \"" + utf8(text, 100) + "\" is not an id");
    filter.recipient_ids.push_back({*message, *ordinal});
  }
  if (!filter.ids.empty() && !filter.recipient_ids.empty())
    return std::unexpected("id: either messages or single recipients, not both in one selector");
  return {};
}

std::expected<void, std::string> add_numbers(const v1::Selector& selector, spool::Filter& filter) {
  if (selector.has_last_code()) {
    if (selector.last_code() > 999) return std::unexpected("last_code: more than 999");
    filter.last_code = static_cast<std::uint16_t>(selector.last_code());
  }
  if (selector.has_attempts_from()) {
    if (selector.attempts_from() > 65535) return std::unexpected("attempts_from: more than 65535");
    filter.attempts_from = static_cast<std::uint16_t>(selector.attempts_from());
  }
  for (const int number : selector.state()) {
    const auto state = to_state(number);
    if (!state) return std::unexpected(state.error());
    filter.states.push_back(*state);
  }
  return {};
}

std::expected<void, std::string> add_times(const v1::Selector& selector, WallTime now, spool::Filter& filter) {
  const auto put = [](std::expected<WallTime, std::string> time, std::optional<WallTime>& to) {
    if (time) to = *time;
    return time ? std::string() : time.error();
  };
  std::string error;
  // Ranges include their first and exclude their second value: "at least as old" is one microsecond more.
  if (selector.has_older_than()) {
    error += put(ago(selector.older_than(), now, "older_than"), filter.received_before);
    if (filter.received_before) *filter.received_before += std::chrono::microseconds(1);
  }
  if (selector.has_newer_than()) {
    error += put(ago(selector.newer_than(), now, "newer_than"), filter.received_from);
    if (filter.received_from) *filter.received_from += std::chrono::microseconds(1);
  }
  if (selector.has_next_attempt_from())
    error += put(to_time(selector.next_attempt_from(), "next_attempt_from"), filter.next_attempt_from);
  if (selector.has_next_attempt_before())
    error += put(to_time(selector.next_attempt_before(), "next_attempt_before"), filter.next_attempt_before);
  if (!error.empty()) return std::unexpected(std::move(error));
  return {};
}

void add_texts(const v1::Selector& selector, spool::Filter& filter) {
  if (selector.has_sender()) filter.sender = selector.sender();
  if (selector.has_sender_domain()) filter.sender_domain = mime::ascii_domain(selector.sender_domain());
  if (selector.has_recipient()) filter.recipient = selector.recipient();
  if (selector.has_auth_id()) filter.auth_id = selector.auth_id();
  if (selector.has_trace_id()) filter.trace_id = selector.trace_id();
  if (selector.has_rule()) filter.rule = selector.rule();
  for (const auto& domain : selector.recipient_domain()) filter.recipient_domains.push_back(mime::ascii_domain(domain));
}

/// Length of the UTF-8 sequence at the front of `text` (RFC 3629 section 4); 0 if there is no valid one.
std::size_t sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto between = [&](std::size_t i, unsigned low, unsigned high) { return byte(i) >= low && byte(i) <= high; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return between(1, 0x80, 0xBF) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80, high = first == 0xED ? 0x9F : 0xBF;
    return between(1, low, high) && between(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80, high = first == 0xF4 ? 0x8F : 0xBF;
    return between(1, low, high) && between(2, 0x80, 0xBF) && between(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool has_no_condition(const v1::Selector& selector) {
  v1::Selector conditions = selector;
  conditions.clear_all();
  return conditions.ByteSizeLong() == 0;
}

std::expected<spool::Filter, std::string> to_filter(const v1::Selector& given, WallTime now) {
  auto selector = given;
  if (auto expanded = expand_text(selector, now); !expanded) return std::unexpected(std::move(expanded.error()));
  if (selector.all() && !has_no_condition(selector)) return std::unexpected("all: leaves no room for other conditions");
  spool::Filter filter;
  if (auto added = add_ids(selector, filter); !added) return std::unexpected(std::move(added.error()));
  if (auto added = add_numbers(selector, filter); !added) return std::unexpected(std::move(added.error()));
  if (auto added = add_times(selector, now, filter); !added) return std::unexpected(std::move(added.error()));
  add_texts(selector, filter);
  return filter;
}

std::expected<spool::Filter, std::string> to_event_filter(const v1::Selector& given) {
  auto selector = given;
  if (auto expanded = expand_text(selector, wall_now()); !expanded) return std::unexpected(std::move(expanded.error()));
  const auto refuse = [](const char* field) {
    return std::unexpected(std::string(field) + ": events cannot be selected by this");
  };
  if (selector.state_size() != 0) return refuse("state");
  if (selector.has_older_than()) return refuse("older_than");
  if (selector.has_newer_than()) return refuse("newer_than");
  if (selector.has_next_attempt_from()) return refuse("next_attempt_from");
  if (selector.has_next_attempt_before()) return refuse("next_attempt_before");
  if (selector.has_attempts_from()) return refuse("attempts_from");
  if (selector.has_auth_id()) return refuse("auth_id");
  if (selector.has_rule()) return refuse("rule");
  return to_filter(selector, {});
}

bool matches(const spool::Filter& filter, const spool::Event& event) {
  const auto holds_one = [](const auto& wanted, const auto& value) {
    return wanted.empty() || std::ranges::find(wanted, value) != wanted.end();
  };
  if (!holds_one(filter.ids, event.recipient.message) || !holds_one(filter.recipient_ids, event.recipient))
    return false;
  if (!spool::has_sender(filter, event.reverse_path) || !spool::has_recipient(filter, event.address)) return false;
  if (filter.last_code && *filter.last_code != event.reply.code) return false;
  return !filter.trace_id || *filter.trace_id == event.trace_id;
}

std::string utf8(std::string_view text, std::size_t limit) {
  std::string out;
  out.reserve(std::min(text.size(), limit));
  while (!text.empty()) {
    const auto length = sequence(text);
    const auto piece = length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
    if (out.size() + piece.size() > limit) break;
    out += piece;
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

void set(google::protobuf::Timestamp& to, WallTime time) {
  const auto micros = to_micros(time);
  const auto seconds = micros >= 0 ? micros / 1'000'000 : -((-micros + 999'999) / 1'000'000);
  to.set_seconds(seconds);
  to.set_nanos(static_cast<std::int32_t>((micros - seconds * 1'000'000) * 1000));
}

void set(google::protobuf::Duration& to, std::chrono::microseconds duration) {
  to.set_seconds(duration.count() / 1'000'000);
  to.set_nanos(static_cast<std::int32_t>(duration.count() % 1'000'000 * 1000));
}

std::optional<std::chrono::microseconds> time_to_live(const google::protobuf::Duration& duration,
                                                      std::chrono::hours longest) {
  const std::chrono::seconds seconds(duration.seconds());
  if (seconds < std::chrono::seconds(0) || duration.nanos() < 0 || seconds > longest) return std::nullopt;
  const auto ttl = seconds + std::chrono::microseconds(duration.nanos() / 1000);
  if (ttl.count() == 0 || ttl > longest) return std::nullopt;
  return ttl;
}

void fill(v1::Reply& to, const spool::Reply& reply, std::size_t text_limit) {
  to.set_code(reply.code);
  to.set_enhanced(utf8(reply.enhanced));
  to.set_text(utf8(reply.text, text_limit));
  to.set_host(utf8(reply.host));
}

void fill(v1::QueueEntry& to, const spool::Entry& entry, std::size_t text_limit) {
  to.set_message_id(entry.id.message.to_string());
  to.set_ordinal(entry.id.ordinal);
  to.set_state(from_state(entry.state));
  to.set_sender(utf8(entry.reverse_path));
  to.set_recipient(utf8(entry.address));
  to.set_size(entry.size);
  set(*to.mutable_received(), entry.received);
  set(*to.mutable_next_attempt(), entry.next_attempt);
  to.set_attempts(entry.attempts);
  if (entry.last != spool::Reply{}) fill(*to.mutable_last(), entry.last, text_limit);
  to.set_notify(notify_text(entry.notify));
  to.set_orcpt(utf8(entry.orcpt));
  to.set_delay_notified(entry.delay_notified);
  to.set_auth_id(utf8(entry.auth_id));
  to.set_client(utf8(entry.client));
  to.set_trace_id(utf8(entry.trace_id));
  to.set_bounce(entry.bounce);
  to.set_next_hop(utf8(entry.next_hop));
}

void fill(v1::QueueEvent& to, const spool::Event& event) {
  to.set_kind(from_kind(event.kind));
  set(*to.mutable_time(), event.time);
  to.set_message_id(event.recipient.message.to_string());
  to.set_ordinal(event.recipient.ordinal);
  to.set_sender(utf8(event.reverse_path));
  to.set_recipient(utf8(event.address));
  to.set_trace_id(utf8(event.trace_id));
  if (event.reply != spool::Reply{}) fill(*to.mutable_reply(), event.reply);
  if (event.next_attempt != WallTime{}) set(*to.mutable_next_attempt(), event.next_attempt);
}

void fill(v1::Counts& to, const spool::Counts& counts) {
  const auto in = [&](spool::State state) { return counts.recipients[static_cast<std::size_t>(state)]; };
  to.set_messages(counts.messages);
  to.set_queued(in(spool::State::kQueued));
  to.set_active(in(spool::State::kActive));
  to.set_deferred(in(spool::State::kDeferred));
  to.set_held(in(spool::State::kHeld));
  to.set_body_bytes(counts.body_bytes);
}

void fill(v1::ShapeQueueResponse::Group& to, const spool::Shape::Group& group) {
  to.set_name(utf8(group.name));
  for (const auto recipients : group.ages) to.add_recipients(recipients);
  to.set_total(group.recipients);
}

void fill(v1::GetMessageResponse& to, const spool::Message& message) {
  const auto& envelope = message.envelope;
  to.set_id(message.id.to_string());
  to.set_sender(utf8(envelope.reverse_path));
  to.set_size(message.size);
  set(*to.mutable_received(), envelope.received);
  to.set_accepted_recipients(message.recipients);
  to.set_ret(envelope.ret == spool::Ret::kFull ? "FULL" : envelope.ret == spool::Ret::kHeaders ? "HDRS" : "");
  to.set_envid(utf8(envelope.envid));
  to.set_body(envelope.body_type == spool::BodyType::k7Bit       ? "7BIT"
              : envelope.body_type == spool::BodyType::k8BitMime ? "8BITMIME"
                                                                 : "BINARYMIME");
  to.set_smtputf8(envelope.smtputf8);
  to.set_require_tls(envelope.require_tls);
  to.set_tls_optional(spool::tls_optional(envelope));
  to.set_priority(envelope.priority);
  to.set_auth_id(utf8(envelope.auth_id));
  to.set_client(utf8(envelope.client));
  to.set_trace_id(utf8(envelope.trace_id));
  for (const auto& [name, value] : envelope.attributes) {
    auto& attribute = *to.add_attribute();
    attribute.set_name(utf8(name));
    attribute.set_value(utf8(value));
  }
}

std::optional<log::Level> level_of(v1::LogLevel level) {
  switch (level) {
    case v1::LOG_LEVEL_DEBUG:
      return log::Level::kDebug;
    case v1::LOG_LEVEL_INFO:
      return log::Level::kInfo;
    case v1::LOG_LEVEL_WARN:
      return log::Level::kWarn;
    case v1::LOG_LEVEL_ERROR:
      return log::Level::kError;
    default:
      return std::nullopt;
  }
}

}  // namespace quartet::control
