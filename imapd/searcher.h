// Looks for messages of the selected mailbox, for SEARCH, SORT and THREAD.
#pragma once
#include <cstddef>
#include <expected>
#include <functional>
#include <optional>
#include <vector>

#include "common/mime/digest.h"
#include "imapd/context.h"
#include "imapd/proto/search_key.h"

namespace quartet::imapd {

using Found = std::vector<std::size_t>;  // positions of the view, ascending

/// The messages that a key matches, or the reply that says why they cannot be found. `key` outlives the task.
async::Task<std::expected<Found, Reply>> find_matching(Context& context, const SearchKey& key);

/// Called for each of the positions with its row, that is its place among them.
using UseHeaders = std::function<void(std::size_t row, const mime::StoredHeaders& headers)>;
/// What the store keeps of the messages' headers; of a message that is gone, nothing. A reply: they cannot be read.
async::Task<std::optional<Reply>> each_header(Context& context, const Found& positions, UseHeaders use);

}  // namespace quartet::imapd
