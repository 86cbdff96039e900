// A new message as records of the journal; what Spool and HandOff write alike.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "common/journal/journal.h"
#include "common/spool/codec.h"
#include "common/spool/index.h"
#include "common/spool/restore.h"
#include "common/spool/spool.h"

namespace quartet::spool {

/// Fills in what the caller left open: id, time of reception, first attempt.
void complete(NewMessage& message);

struct MessageUnit {
  MessageId id;
  std::shared_ptr<const std::string> envelope;  // the kMessage record
  Spool::Body body;                             // null when it is only in `records`, in pieces
  std::vector<journal::NewRecord> records;      // kMessage, kBody
};

/// `message` is complete; its body is moved, not copied, unless it came in several pieces and is small.
MessageUnit make_unit(NewMessage message);
MessageUnit make_unit(RestoredMessage message);

/// From where the unit's two records are.
Place place_of(const journal::Location& message, const journal::Location& body);

SpoolError to_error(const journal::Error& error);

}  // namespace quartet::spool
