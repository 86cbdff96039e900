// A message with its recipients as they are in another queue, or were in this one before.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "common/spool/message.h"

namespace quartet::spool {

struct RestoredRecipient {
  std::uint32_t ordinal = 0;
  NewRecipient recipient;
  State state = State::kQueued;  // not kActive
  std::uint16_t attempts = 0;    // that failed so far
  bool delay_notified = false;
  bool bounce = false;   // see Claim
  std::string next_hop;  // see Claim
  WallTime due{};
  Reply last;
};

struct RestoredMessage {
  MessageId id;  // keeps it
  Envelope envelope;
  std::uint32_t accepted_recipients = 0;      // done ones included; more than any ordinal
  std::vector<RestoredRecipient> recipients;  // at least one, in the order of their ordinals
  std::vector<std::string> body;              // pieces in order, header included, with CRLF line ends
};

}  // namespace quartet::spool
