// The packed part of a message: what listings, deliveries and checkpoints read and scheduling does not. Lengths are
// variable-size integers (seven bits a byte); texts that many messages share are slots of the text pool.
#include <algorithm>
#include <cstring>

#include "common/base/ascii.h"
#include "common/mime/idna.h"
#include "common/spool/index.h"

namespace quartet::spool {
namespace {

constexpr std::uint8_t kUtf8 = 1, kTls = 2, kTraceIsId = 4;

class Writer {
 public:
  void number(std::uint64_t value) {
    while (value >= 0x80) {
      out_ += static_cast<char>(value | 0x80);
      value >>= 7;
    }
    out_ += static_cast<char>(value);
  }
  void byte(std::uint8_t value) { out_ += static_cast<char>(value); }
  void raw(std::string_view bytes) { out_ += bytes; }
  void text(std::string_view bytes) {
    number(bytes.size());
    raw(bytes);
  }
  const std::string& bytes() const { return out_; }

 private:
  std::string out_;
};

class Cursor {
 public:
  explicit Cursor(const char* at) : at_(at) {}
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(*at_++);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(*at_++); }
  std::string_view raw(std::size_t size) {
    const std::string_view bytes(at_, size);
    at_ += size;
    return bytes;
  }
  std::string_view text() { return raw(number()); }

 private:
  const char* at_;
};

/// Clients come from few hosts and many ports: the port is kept apart, so that the pool has each host once.
struct Client {
  std::string_view host;
  std::uint32_t port = 0;  // 0: the text has none that would come out as it went in
};

Client split_client(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || text.substr(colon + 1).starts_with('0')) return {text, 0};
  const auto port = ascii::to_number<std::uint16_t>(text.substr(colon + 1));
  return port ? Client{text.substr(0, colon), *port} : Client{text, 0};
}

}  // namespace

struct Index::Cold {
  Slot auth = kNoSlot, client_host = kNoSlot;
  MessageView view;  // all but id, sender, received, recipients
  std::string trace, client;
};

std::unique_ptr<char[]> Index::pack_cold(const MessageView& message, std::vector<std::uint32_t>& offsets) {
  const auto trace = Id::parse(message.trace_id);
  // Only where the text comes out again as it went in.
  const bool trace_is_id = trace && trace->to_string() == message.trace_id;
  Writer out;
  out.byte(static_cast<std::uint8_t>((message.smtputf8 ? kUtf8 : 0) | (message.require_tls ? kTls : 0) |
                                     (trace_is_id ? kTraceIsId : 0)));
  out.byte(
      static_cast<std::uint8_t>(static_cast<unsigned>(message.ret) << 4 | static_cast<unsigned>(message.body_type)));
  out.byte(static_cast<std::uint8_t>(message.priority));
  out.number(texts_.acquire(message.auth_id));
  const auto client = split_client(message.client);
  out.number(texts_.acquire(client.host));
  out.number(client.port);
  if (trace_is_id) {
    const std::uint64_t words[2] = {trace->high(), trace->low()};
    out.raw({reinterpret_cast<const char*>(words), sizeof words});
  } else {
    out.text(message.trace_id);
  }
  out.text(message.envid);
  out.number(message.attributes.size());
  for (const auto& [key, value] : message.attributes) {
    out.text(key);
    out.text(value);
  }
  for (const auto& recipient : message.recipients) {
    offsets.push_back(static_cast<std::uint32_t>(out.bytes().size()));
    // The domain is in the pool already, unless it is written in another way there.
    const auto at = recipient.address.rfind('@');
    const bool shared =
        at != std::string_view::npos && mime::domain_of(recipient.address) == recipient.address.substr(at + 1);
    out.byte(shared ? 1 : 0);
    out.text(shared ? recipient.address.substr(0, at) : recipient.address);
    out.text(recipient.orcpt);
  }
  auto packed = std::make_unique_for_overwrite<char[]>(out.bytes().size());
  std::memcpy(packed.get(), out.bytes().data(), out.bytes().size());
  return packed;
}

Index::Cold Index::cold(Slot slot) const {
  Cursor in(messages_[slot].cold.get());
  Cold cold;
  const auto flags = in.byte();
  const auto kinds = in.byte();
  cold.view.smtputf8 = (flags & kUtf8) != 0;
  cold.view.require_tls = (flags & kTls) != 0;
  cold.view.ret = static_cast<Ret>(kinds >> 4);
  cold.view.body_type = static_cast<BodyType>(kinds & 15);
  cold.view.priority = static_cast<std::int8_t>(in.byte());
  cold.auth = static_cast<Slot>(in.number());
  cold.client_host = static_cast<Slot>(in.number());
  const auto port = in.number();
  cold.view.auth_id = texts_.text(cold.auth);
  cold.client = texts_.text(cold.client_host);
  if (port != 0) cold.client += ":" + std::to_string(port);
  if ((flags & kTraceIsId) != 0) {
    std::uint64_t words[2];
    std::memcpy(words, in.raw(sizeof words).data(), sizeof words);
    cold.trace = Id(words[0], words[1]).to_string();
  } else {
    cold.trace = in.text();
  }
  cold.view.envid = in.text();
  for (auto count = in.number(); count > 0; --count) {
    const auto key = in.text();
    cold.view.attributes.emplace_back(key, in.text());
  }
  return cold;
}

void Index::release_cold(Slot slot) {
  const auto parts = cold(slot);
  texts_.release(parts.auth);
  texts_.release(parts.client_host);
}

std::pair<std::string, std::string> Index::cold_recipient(Slot slot) const {
  const auto& recipient = recipients_[slot];
  Cursor in(messages_[recipient.message].cold.get() + recipient.cold_offset);
  const bool shared = in.byte() != 0;
  std::string address(in.text());
  if (shared) address.append(1, '@').append(domains_.text(recipient.domain));
  return {std::move(address), std::string(in.text())};
}

std::string Index::address(Slot recipient) const { return cold_recipient(recipient).first; }
std::string Index::orcpt(Slot recipient) const { return cold_recipient(recipient).second; }

Envelope Index::envelope(Slot slot) const {
  auto parts = cold(slot);
  parts.view.trace_id = parts.trace;
  parts.view.client = parts.client;
  parts.view.reverse_path = sender(slot);
  parts.view.received = from_micros(messages_[slot].received);
  return to_envelope(parts.view);
}

std::shared_ptr<const Message> Index::metadata(Slot slot) const {
  const auto& message = messages_[slot];
  return std::make_shared<const Message>(Message{message.id, envelope(slot), message.body_length, message.total});
}

Entry Index::entry(Slot slot) const {
  const auto& recipient = recipients_[slot];
  const auto& message = messages_[recipient.message];
  const auto parts = cold(recipient.message);
  Entry entry;
  entry.id = {message.id, recipient.ordinal};
  entry.state = recipient.state;
  entry.reverse_path = sender(recipient.message);
  entry.address = address(slot);
  entry.size = message.body_length;
  entry.received = from_micros(message.received);
  entry.next_attempt = from_micros(recipient.due);
  entry.attempts = recipient.attempts;
  entry.last = reply(slot);
  entry.auth_id = parts.view.auth_id;
  entry.client = parts.client;
  entry.trace_id = parts.trace;
  entry.bounce = recipient.bounce;
  entry.delay_notified = recipient.delay_notified;
  entry.notify = recipient.notify;
  entry.orcpt = orcpt(slot);
  entry.next_hop = next_hop(slot);
  return entry;
}

State Index::resting_state(const RecipientSlot& recipient) {
  if (recipient.state != State::kActive) return recipient.state;
  if (recipient.was_held || recipient.hold_pending) return State::kHeld;
  return recipient.attempts != 0 ? State::kDeferred : State::kQueued;
}

std::string Index::encode(Slot slot, std::uint32_t from) const {
  const auto& message = messages_[slot];
  auto parts = cold(slot);
  auto& view = parts.view;
  view.id = message.id;
  view.trace_id = parts.trace;
  view.client = parts.client;
  view.reverse_path = sender(slot);
  view.received = from_micros(message.received);
  view.total_recipients = message.total;
  struct Texts {
    std::pair<std::string, std::string> names;
    Reply reply;
    std::string next_hop;
  };
  std::vector<Texts> texts;
  for (Slot r = message.first; r != kNoSlot; r = recipients_[r].next)
    texts.push_back({cold_recipient(r), spool::Reply(reply(r)), next_hop(r)});
  std::size_t i = 0;
  for (Slot r = message.first; r != kNoSlot; r = recipients_[r].next, ++i) {
    const auto& recipient = recipients_[r];
    if (recipient.ordinal < from) continue;
    view.recipients.push_back({recipient.ordinal, texts[i].names.first, texts[i].names.second, recipient.notify,
                               resting_state(recipient), recipient.attempts, recipient.delay_notified, recipient.bounce,
                               recipient.drop_pending, texts[i].next_hop, from_micros(recipient.due),
                               view_of(texts[i].reply)});
  }
  return encode_message(view);
}

void Index::revise(Slot slot, const MessageView& view) {
  auto& message = messages_[slot];
  auto packed = view;
  packed.recipients.clear();
  std::vector<std::pair<std::string, std::string>> names;
  std::vector<Slot> known;
  for (Slot r = message.first; r != kNoSlot; r = recipients_[r].next) {
    names.push_back(cold_recipient(r));
    known.push_back(r);
  }
  for (const auto& [address, orcpt] : names) {
    auto& recipient = packed.recipients.emplace_back();
    recipient.address = address;
    recipient.orcpt = orcpt;
  }
  for (const auto& recipient : view.recipients)
    if (recipient.ordinal >= message.total) packed.recipients.push_back(recipient);
  std::vector<std::uint32_t> offsets;
  auto cold = pack_cold(packed, offsets);  // before the texts of the old one are released: mostly they are the same
  release_cold(slot);
  message.cold = std::move(cold);
  if (sender(slot) != view.reverse_path) {
    unlink_sender(slot);
    message.sender_next = message.sender_previous = kNoSlot;
    link_sender(slot, view.reverse_path);
  }
  for (std::size_t i = 0; i < known.size(); ++i) recipients_[known[i]].cold_offset = offsets[i];
  Slot* next = known.empty() ? &message.first : &recipients_[known.back()].next;
  for (std::size_t i = known.size(); i < packed.recipients.size(); ++i) {
    const Slot recipient = recipients_.allocate();
    *next = recipient;
    add_recipient(slot, recipient, packed.recipients[i], offsets[i]);
    next = &recipients_[recipient].next;
  }
  message.total = std::max(message.total, view.total_recipients);
}

}  // namespace quartet::spool
