// From the sets a client sends to messages of its view, and from UIDs to what responses say.
#pragma once
#include <cstddef>
#include <expected>
#include <string>
#include <vector>

#include "common/store/types.h"
#include "imapd/context.h"
#include "imapd/proto/sequence_set.h"

namespace quartet::imapd {

/// Positions of the view from `first` to before `end`.
struct PositionRange {
  std::size_t first = 0;
  std::size_t end = 0;
};
using Positions = std::vector<PositionRange>;  // ascending, none empty

/// The messages of the view that a set names. UIDs that do not exist are passed over; sequence numbers that do not are
/// BAD (RFC 9051 section 9, seq-number), save "*" in an empty mailbox, which many clients send.
std::expected<Positions, Reply> find_messages(const Selected& selected, const SequenceSet& set, bool uid);

/// For SEARCH, where a number without a message is a condition that nothing fulfils.
Positions match_messages(const Selected& selected, const SequenceSet& set, bool uid);

/// The same messages for the store.
store::UidSet uids_of(const Selected& selected, const Positions& positions);

}  // namespace quartet::imapd
