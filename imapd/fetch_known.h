// FETCH of what the view and columns have: no message is read, and nothing waits for another.
#pragma once
#include <cstddef>
#include <optional>
#include <vector>

#include "common/store/types.h"
#include "imapd/fetch_plan.h"
#include "imapd/fetch_render.h"
#include "imapd/numbers.h"

namespace quartet::imapd {

FetchSource source_of(const store::Snapshot& view, std::size_t position, const FetchPlan& plan);

/// For a plan that is in_columns(). `left`: positions of messages that columns have nothing of, which are not sent. The
/// error is the store's.
async::Task<std::optional<store::StoreError>> fetch_known(Context& context, const FetchPlan& plan,
                                                          const Positions& positions, Positions& left);

}  // namespace quartet::imapd
