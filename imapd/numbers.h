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

/// For SEARCH, where a number without a message is a condition that nothing fulfils. `saved`: what "$" stands for.
Positions match_messages(const store::Snapshot& view, const store::UidSet& saved, const SequenceSet& set, bool uid);

/// Those of the positions whose messages have changed after `modseq` (RFC 7162 section 3.1.4.1).
Positions changed_since(const store::Snapshot& view, const Positions& positions, std::uint64_t modseq);

/// "1:3,7"; the ranges ascending.
std::string to_text(const store::UidSet& uids);

/// The UIDs a set names, whether or not there are such messages. "*" stands for all from the highest on: messages above
/// it may have vanished.
store::UidSet named_uids(const Selected& selected, const SequenceSet& set);

/// The same messages for the store.
store::UidSet uids_of(const Selected& selected, const Positions& positions);

}  // namespace quartet::imapd
