// FETCH of what the view and columns have: no message is read, and nothing waits for another.
#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "common/store/types.h"
#include "imapd/fetch_plan.h"
#include "imapd/fetch_render.h"
#include "imapd/numbers.h"

namespace quartet::imapd {

FetchSource source_of(const store::Snapshot& view, std::size_t position, const FetchPlan& plan);

/// Sends messages, at these positions, that columns have nothing of.
using FetchOthers = std::function<async::Task<void>(Positions)>;
/// For a plan that is in_columns(). Answers come in the order of `positions`, also those by `others`. The error is the
/// store's.
async::Task<std::optional<store::StoreError>> fetch_known(Context& context, const FetchPlan& plan,
                                                          const Positions& positions, const FetchOthers& others);

}  // namespace quartet::imapd
