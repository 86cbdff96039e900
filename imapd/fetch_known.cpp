#include "imapd/fetch_known.h"

#include <algorithm>
#include <utility>

#include "imapd/column_reader.h"

namespace quartet::imapd {
namespace {

/// Flags, UIDs, sizes and dates.
async::Task<void> fetch_from_view(Context& context, const FetchPlan& plan, const Positions& positions) {
  const auto view = context.selected->view();
  for (const auto& range : positions)
    for (auto position = range.first; position < range.end && !context.output.failed(); ++position) {
      append_known(context, plan, source_of(*view, position, plan));
      if (context.output.full()) co_await context.output.drain();
    }
}

async::Task<std::optional<store::StoreError>> fetch_groups(Context& context, const FetchPlan& plan,
                                                           ColumnReader& reader, const FetchOthers& others) {
  const auto view = context.selected->view();
  Positions left;
  const auto end_left = [&]() -> async::Task<void> {
    if (!left.empty()) co_await others(std::exchange(left, {}));
  };
  while (!context.output.failed()) {
    const auto group = co_await reader.next();
    if (!group) co_return group.error();
    if (*group == nullptr) break;
    const auto& positions = (*group)->positions;
    for (std::size_t place = 0; place < positions.size(); ++place) {
      auto source = source_of(*view, positions[place], plan);
      source.columns = *group;
      source.place = place;
      if (!source.in_columns(plan)) {
        left.push_back({positions[place], positions[place] + 1});
        continue;
      }
      co_await end_left();
      append_known(context, plan, source);
      if (context.output.full()) co_await context.output.drain();
    }
    co_await end_left();
  }
  co_return std::nullopt;
}

}  // namespace

FetchSource source_of(const store::Snapshot& view, std::size_t position, const FetchPlan& plan) {
  FetchSource source;
  source.number = position + 1;
  source.entry = &view[position];
  source.flags = source.entry->flags;
  source.modseq = source.entry->modseq;
  source.tell_flags = plan.flags;
  source.tell_modseq = plan.modseq;
  return source;
}

async::Task<std::optional<store::StoreError>> fetch_known(Context& context, const FetchPlan& plan,
                                                          const Positions& positions, const FetchOthers& others) {
  if (plan.columns.empty()) {
    co_await fetch_from_view(context, plan, positions);
    co_return std::nullopt;
  }
  ColumnReader reader(context, context.selected->view(), plan.columns);
  reader.ask_for(positions);
  auto failed = co_await fetch_groups(context, plan, reader, others);
  co_await reader.close();
  co_return failed;
}

}  // namespace quartet::imapd
