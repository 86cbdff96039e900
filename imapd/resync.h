// Quick resynchronisation (RFC 7162 section 3.2): what a client that comes back has missed.
#pragma once
#include <string>

#include "imapd/context.h"
#include "imapd/proto/command.h"

namespace quartet::imapd {

/// Those of `known` that have vanished, and of which the view has none: what VANISHED (EARLIER) may name. All ascending
/// and apart from each other.
store::UidSet vanished_of(const store::UidSet& vanished, const store::UidSet& known, const store::Snapshot& view);

/// The lowest UID about which the client's pairs of sequence number and UID leave a doubt: up to the last pair that is
/// still right it has seen every expunge (RFC 7162 section 3.2.5.2).
std::uint32_t first_doubt(const Qresync& client, const store::Snapshot& view);

/// Appends VANISHED (EARLIER) for those of `known` that were expunged after `modseq`; nothing if there are none.
async::Task<store::Result<void>> append_vanished(Context& context, std::uint64_t modseq, store::UidSet known);

/// What SELECT with QRESYNC tells after its other responses. A client with another UIDVALIDITY knows nothing that would
/// still hold, and is told nothing.
async::Task<store::Result<void>> append_resync(Context& context, const Qresync& client);

}  // namespace quartet::imapd
