// Looks for messages of a mailbox, for SEARCH, SORT and THREAD.
#pragma once
#include <cstddef>
#include <expected>
#include <optional>
#include <vector>

#include "imapd/context.h"
#include "imapd/proto/search_key.h"
#include "imapd/search_match.h"

namespace quartet::imapd {

struct Found {
  std::vector<std::size_t> positions;  // of the view, ascending; SORT puts them in another order
  std::vector<int> scores;             // of each, 1 to 100 (RFC 6203); empty if they were not asked for
};

std::vector<std::uint32_t> uids_at(const store::Snapshot& view, const std::vector<std::size_t>& positions);

struct LookFor {
  bool scores = false;                              // how relevant each is, which may take reading more of it
  const std::vector<std::size_t>* among = nullptr;  // positions to look at; null: all
  bool tells_progress = true;                       // false: it is a small part of the command
};
/// The messages that a key matches, or the reply that says why they cannot be found. Everything given outlives the
/// task.
async::Task<std::expected<Found, Reply>> find_matching(Context& context, const Searched& mailbox, const SearchKey& key,
                                                       LookFor what = {});

}  // namespace quartet::imapd
