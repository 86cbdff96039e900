#include "common/control/archive.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/base/ascii.h"
#include "common/control/convert.h"
#include "common/smtp/path.h"
#include "common/spool/codec.h"

namespace quartet::control {
namespace {

using Fault = std::unexpected<std::string>;

constexpr std::pair<std::string_view, std::uint8_t> kNotify[] = {{"SUCCESS", spool::kNotifySuccess},
                                                                 {"FAILURE", spool::kNotifyFailure},
                                                                 {"DELAY", spool::kNotifyDelay},
                                                                 {"NEVER", spool::kNotifyNever}};
constexpr int kMostUrgent = 9;  // RFC 6710 section 2

std::optional<std::uint8_t> to_notify(std::string_view text) {
  std::uint8_t notify = spool::kNotifyDefault;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto word = text.substr(0, comma);
    const auto known = std::ranges::find(kNotify, word, &std::pair<std::string_view, std::uint8_t>::first);
    if (known == std::end(kNotify)) return std::nullopt;
    notify |= known->second;
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return notify;
}

std::optional<WallTime> to_time(const google::protobuf::Timestamp& time) {
  // The years that protobuf allows, in microseconds, fit.
  constexpr std::int64_t kFirst = -62'135'596'800, kLast = 253'402'300'799;
  if (time.seconds() < kFirst || time.seconds() > kLast || time.nanos() < 0 || time.nanos() > 999'999'999)
    return std::nullopt;
  return from_micros(time.seconds() * 1'000'000 + time.nanos() / 1000);
}

std::expected<spool::Reply, std::string> to_reply(const v1::Reply& reply) {
  if (reply.code() > 999) return Fault("recipient.last.code: more than 999");
  return spool::Reply{static_cast<std::uint16_t>(reply.code()), reply.enhanced(), reply.text(), reply.host()};
}

bool is_address(const std::string& text) { return smtp::is_mailbox(text, true); }

std::expected<spool::RestoredRecipient, std::string> to_recipient(const v1::QueueEntry& entry) {
  spool::RestoredRecipient out;
  out.ordinal = entry.ordinal();
  if (!is_address(entry.recipient())) return Fault("recipient.recipient: expected local@domain");
  out.recipient.address = entry.recipient();
  out.recipient.orcpt = entry.orcpt();
  const auto notify = to_notify(entry.notify());
  if (!notify) return Fault("recipient.notify: expected SUCCESS, FAILURE, DELAY or NEVER, with commas between");
  out.recipient.notify = *notify;
  if (entry.attempts() > std::numeric_limits<std::uint16_t>::max()) return Fault("recipient.attempts: too many");
  out.attempts = static_cast<std::uint16_t>(entry.attempts());
  out.state = entry.state() == v1::STATE_HELD ? spool::State::kHeld
              : out.attempts != 0             ? spool::State::kDeferred
                                              : spool::State::kQueued;
  out.delay_notified = entry.delay_notified();
  out.bounce = entry.bounce();
  out.next_hop = entry.next_hop();
  const auto due = to_time(entry.next_attempt());
  if (!due) return Fault("recipient.next_attempt: not a time");
  out.due = *due;
  auto last = to_reply(entry.last());
  if (!last) return Fault(std::move(last.error()));
  out.last = *std::move(last);
  return out;
}

std::expected<void, std::string> set_parameters(const v1::GetMessageResponse& archive, spool::Envelope& envelope) {
  if (archive.ret() == "FULL") {
    envelope.ret = spool::Ret::kFull;
  } else if (archive.ret() == "HDRS") {
    envelope.ret = spool::Ret::kHeaders;
  } else if (!archive.ret().empty()) {
    return Fault("ret: expected FULL or HDRS");
  }
  if (archive.body() == "8BITMIME") {
    envelope.body_type = spool::BodyType::k8BitMime;
  } else if (archive.body() == "BINARYMIME") {
    envelope.body_type = spool::BodyType::kBinaryMime;
  } else if (archive.body() != "7BIT") {
    return Fault("body: expected 7BIT, 8BITMIME or BINARYMIME");
  }
  if (archive.priority() < -kMostUrgent || archive.priority() > kMostUrgent) return Fault("priority: expected -9 to 9");
  envelope.priority = static_cast<std::int8_t>(archive.priority());
  return {};
}

std::expected<spool::Envelope, std::string> to_envelope(const v1::GetMessageResponse& archive) {
  spool::Envelope envelope;
  if (!archive.sender().empty() && !is_address(archive.sender())) return Fault("sender: expected local@domain");
  envelope.reverse_path = archive.sender();
  if (auto set = set_parameters(archive, envelope); !set) return Fault(std::move(set.error()));
  envelope.envid = archive.envid();
  envelope.smtputf8 = archive.smtputf8();
  envelope.require_tls = archive.require_tls();
  envelope.auth_id = archive.auth_id();
  envelope.client = archive.client();
  envelope.trace_id = archive.trace_id();
  const auto received = to_time(archive.received());
  if (!received || !archive.has_received()) return Fault("received: not a time");
  envelope.received = *received;
  for (const auto& attribute : archive.attribute())
    envelope.attributes.emplace_back(attribute.name(), attribute.value());
  return envelope;
}

}  // namespace

std::string notify_text(std::uint8_t notify) {
  std::string out;
  for (const auto& [word, bit] : kNotify)
    if ((notify & bit) != 0) out.append(out.empty() ? "" : ",").append(word);
  return out;
}

v1::GetMessageResponse to_archive(std::span<const spool::Claim> claims) {
  v1::GetMessageResponse archive;
  const auto& message = *claims.front().message;
  fill(archive, message);
  for (const auto& claim : claims) {
    spool::Entry entry;
    entry.id = claim.id();
    entry.state = claim.held            ? spool::State::kHeld
                  : claim.attempts != 0 ? spool::State::kDeferred
                                        : spool::State::kQueued;
    entry.reverse_path = message.envelope.reverse_path;
    entry.address = claim.address;
    entry.size = message.size;
    entry.received = message.envelope.received;
    entry.next_attempt = claim.due;
    entry.attempts = claim.attempts;
    entry.bounce = claim.bounce;
    entry.delay_notified = claim.delay_notified;
    entry.notify = claim.notify;
    entry.orcpt = claim.orcpt;
    entry.next_hop = claim.next_hop;
    entry.last = claim.last;
    fill(*archive.add_recipient(), entry);
  }
  return archive;
}

std::expected<spool::RestoredMessage, std::string> from_archive(const v1::GetMessageResponse& archive) {
  spool::RestoredMessage out;
  const auto id = Id::parse(archive.id());
  if (!id || !*id) return Fault("id: not the id of a message");
  out.id = *id;
  auto envelope = to_envelope(archive);
  if (!envelope) return Fault(std::move(envelope.error()));
  out.envelope = *std::move(envelope);
  out.accepted_recipients = archive.accepted_recipients();
  if (out.accepted_recipients > spool::kMostRecipients) return Fault("accepted_recipients: too many");
  for (const auto& entry : archive.recipient()) {
    if (entry.ordinal() >= out.accepted_recipients) return Fault("recipient.ordinal: not below accepted_recipients");
    if (!out.recipients.empty() && entry.ordinal() <= out.recipients.back().ordinal)
      return Fault("recipient: not in the order of the ordinals");
    auto recipient = to_recipient(entry);
    if (!recipient) return Fault(std::move(recipient.error()));
    out.recipients.push_back(*std::move(recipient));
  }
  if (out.recipients.empty()) return Fault("recipient: there is none");
  return out;
}

}  // namespace quartet::control
