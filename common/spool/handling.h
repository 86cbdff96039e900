// What a sender asked for beyond RFC 3461, kept as attributes of the envelope.
#pragma once
#include <cstdint>
#include <optional>

#include "common/spool/message.h"

namespace quartet::spool {

/// RFC 8689 section 4.2.2, "TLS-Required: No": what the recipient's side demands of TLS is not to stop the message.
void set_tls_optional(Envelope& envelope);
bool tls_optional(const Envelope& envelope);

/// What an operator wants of the message's TLS in place of what its sender asked for.
enum class TlsWish : std::uint8_t {
  kDefault,   // as the sender asked
  kRequired,  // as if it had come with REQUIRETLS
  kOptional,  // as if it had come with "TLS-Required: No"
};
/// What the sender asked for stays known. False: nothing changed.
bool set_tls_wish(Envelope& envelope, TlsWish wish);

/// RFC 4865: not before this time; until then the message counts as not yet submitted.
void set_release(Envelope& envelope, WallTime release);
/// Since when the message is on its way: when it was released, else when it was received.
WallTime released(const Envelope& envelope);

/// RFC 2852.
struct Deadline {
  WallTime at{};
  bool notify = false;  // mode N: the sender is told when it has passed, and delivery goes on; else R: it comes back
  bool trace = false;   // the sender is told of each relay on the way
  friend bool operator==(const Deadline&, const Deadline&) = default;
};
void set_deadline(Envelope& envelope, const Deadline& deadline);
std::optional<Deadline> deadline(const Envelope& envelope);

}  // namespace quartet::spool
