// A queued message and its recipients as the spool gives them out. RFC 5321 and RFC 3461 parameters are kept as they
// came.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/id.h"
#include "common/base/time.h"

namespace quartet::spool {

using MessageId = Id;

/// One recipient of one message: its place in the envelope as it was accepted.
struct RecipientId {
  MessageId message;
  std::uint32_t ordinal = 0;
  friend auto operator<=>(const RecipientId&, const RecipientId&) = default;
};

/// NOTIFY of RFC 3461 section 4.1, combined with |. kNotifyDefault: the parameter was absent.
enum : std::uint8_t { kNotifyDefault = 0, kNotifySuccess = 1, kNotifyFailure = 2, kNotifyDelay = 4, kNotifyNever = 8 };

enum class Ret : std::uint8_t { kDefault, kFull, kHeaders };           // RFC 3461 section 4.3
enum class BodyType : std::uint8_t { k7Bit, k8BitMime, kBinaryMime };  // RFC 6152, RFC 3030

/// What all recipients share, apart from the body.
struct Envelope {
  std::string reverse_path;  // without brackets; empty: the null sender
  Ret ret = Ret::kDefault;
  std::string envid;  // still xtext-decoded text as the client meant it
  BodyType body_type = BodyType::k7Bit;
  bool smtputf8 = false;
  bool require_tls = false;  // RFC 8689
  std::int8_t priority = 0;  // RFC 6710, -9 to 9
  std::string auth_id;       // who submitted it; empty if nobody authenticated
  std::string client;        // address of the client, text
  std::string trace_id;
  WallTime received{};
  std::vector<std::pair<std::string, std::string>> attributes;  // anything else an agent wants back; kept in order
};

struct NewRecipient {
  std::string address;  // local@domain, without brackets
  std::uint8_t notify = kNotifyDefault;
  std::string orcpt;  // "rfc822;x@y" decoded; empty if absent
};

struct NewMessage {
  MessageId id;  // Id{}: the spool makes one
  Envelope envelope;
  std::vector<NewRecipient> recipients;  // at least one
  std::vector<std::string> body;         // pieces in order, header included, with CRLF line ends
  WallTime due{};                        // first attempt; in the past or unset: at once
  bool held = false;                     // starts on hold
};

/// Metadata of a queued message; shared by all who work on it.
struct Message {
  MessageId id;
  Envelope envelope;
  std::uint64_t size = 0;  // of the body, bytes
  std::uint32_t recipients = 0;
};

/// The last reply or local reason. `code` 0: none yet; `text` may hold the enhanced code's explanation only.
struct Reply {
  std::uint16_t code = 0;
  std::string enhanced;  // "4.4.1"
  std::string text;
  std::string host;  // who said it; empty for a local reason
  friend bool operator==(const Reply&, const Reply&) = default;
};

/// RFC 3463 section 3.5: the status of what was given up for lack of time.
inline constexpr std::string_view kExpiredStatus = "4.4.7";
/// Of a recipient that an operator gave up: as if its lifetime were over, not by a refusal.
inline bool is_expiry(const Reply& reply) { return reply.enhanced == kExpiredStatus; }

enum class State : std::uint8_t {
  kQueued,    // no attempt yet, due at next_attempt
  kActive,    // claimed by the scheduler; becomes queued or deferred again after a crash
  kDeferred,  // at least one attempt, due again at next_attempt
  kHeld,      // until released
};
inline constexpr std::size_t kStates = 4;

/// One recipient that the scheduler has taken and must bring back with record() or unclaim().
struct Claim {
  std::shared_ptr<const Message> message;
  std::uint32_t ordinal = 0;
  std::string address;
  std::uint8_t notify = kNotifyDefault;
  std::string orcpt;
  std::uint16_t attempts = 0;   // that failed so far
  bool delay_notified = false;  // set by an earlier outcome
  bool bounce = false;          // an operator gave it up: it fails now, with `last` as the reply; see is_expiry()
  std::string next_hop;         // an operator's, in place of what the tables say; empty: as they say
  Reply last;
  WallTime due{};     // when it was due, and
  bool held = false;  // whether it was on hold: what unclaim() may give back
  RecipientId id() const { return {message->id, ordinal}; }
};

/// How an attempt ended, or what was decided about a recipient.
enum class Result : std::uint8_t { kDelivered, kBounced, kDropped, kExpired, kDeferred, kHeld };
constexpr bool is_final(Result result) { return result < Result::kDeferred; }

struct Outcome {
  RecipientId recipient;
  Result result = Result::kDelivered;
  Reply reply;
  WallTime next_attempt{};      // kDeferred only
  bool counts = true;           // kDeferred: was an attempt (raises attempts)
  bool delay_notified = false;  // kDeferred: the sender was told of the delay with this or an earlier outcome
};

}  // namespace quartet::spool
