// UPDATE of SEARCH and SORT: whether there is room for one more result that is kept up to date (RFC 5267 section 4.3).
#pragma once
#include <optional>
#include <string>

#include "imapd/context.h"
#include "imapd/search_contexts.h"

namespace quartet::imapd {

/// The reply to a command with UPDATE whose tag is that of a result that is kept up to date already.
std::optional<Reply> refuse_update(Context& context, const std::string& tag);

/// Keeps the result up to date from now on, or tells the client that it will not be.
void keep_updated(Context& context, SearchContext result);

}  // namespace quartet::imapd
