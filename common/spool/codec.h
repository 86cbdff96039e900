// The spool's records inside the journal. Sans-IO: bytes in, values out; the fuzzer drives the same code.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/spool/message.h"
#include "common/spool/restore.h"

namespace quartet::spool {

/// Types of journal records. A message is a unit of kMessage and kBody, in this order.
enum class RecordType : std::uint8_t {
  kMessage = 1,  // envelope and recipients with their state: new, handed over, or copied forward
  kBody = 2,
  kUpdates = 3,  // new states of recipients, absolute, so that to read one twice does no harm
  kEnvelope =
      4,  // the envelope that a known message has from now on, as a kMessage, with the recipients that came anew
};

/// Far more than fit in a segment.
inline constexpr std::uint32_t kMostRecipients = 1u << 26;

/// A reply without memory of its own.
struct ReplyView {
  std::uint16_t code = 0;
  std::string_view enhanced;
  std::string_view text;
  std::string_view host;
};
ReplyView view_of(const Reply& reply);
Reply to_reply(const ReplyView& view);

struct RecipientView {
  std::uint32_t ordinal = 0;
  std::string_view address;
  std::string_view orcpt;
  std::uint8_t notify = 0;
  State state = State::kQueued;
  std::uint16_t attempts = 0;
  bool delay_notified = false;
  bool bounce = false;
  bool drop = false;
  std::string_view next_hop;
  WallTime due{};
  ReplyView last;
};

/// A message as it is stored; views into the record or into who encodes it.
struct MessageView {
  MessageId id;
  std::string_view reverse_path;
  Ret ret = Ret::kDefault;
  BodyType body_type = BodyType::k7Bit;
  bool smtputf8 = false;
  bool require_tls = false;
  std::int8_t priority = 0;
  std::string_view envid;
  std::string_view auth_id;
  std::string_view client;
  std::string_view trace_id;
  WallTime received{};
  std::vector<std::pair<std::string_view, std::string_view>> attributes;
  std::uint32_t total_recipients = 0;  // as accepted, done ones included
  std::vector<RecipientView> recipients;
};

/// The envelope's part of a view, without recipients; views into `envelope`.
MessageView view_of(MessageId id, const Envelope& envelope);
/// A new message, all recipients queued or held; views into `message`.
MessageView view_of(const NewMessage& message);
MessageView view_of(const RestoredMessage& message);
Envelope to_envelope(const MessageView& view);

std::string encode_message(const MessageView& message);
/// nullopt if the bytes are not a whole message.
std::optional<MessageView> decode_message(std::string_view bytes);

/// The state a recipient has from now on; `final` says that it is done.
struct Update {
  RecipientId recipient;
  std::optional<Result> final;
  State state = State::kQueued;
  std::uint16_t attempts = 0;
  bool delay_notified = false;
  bool bounce = false;
  bool drop = false;  // it is gone when it comes back undelivered, or with the next start
  std::string next_hop;
  WallTime due{};
  Reply reply;
  bool claimed = false;  // not in the record: whoever has it keeps it, and only what is noted of it changes
};

std::string encode_updates(std::span<const Update> updates);
std::optional<std::vector<Update>> decode_updates(std::string_view bytes);

}  // namespace quartet::spool
