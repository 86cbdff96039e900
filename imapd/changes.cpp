#include "imapd/changes.h"

#include <algorithm>
#include <utility>

#include "imapd/commands.h"
#include "imapd/notifier.h"
#include "imapd/search_contexts.h"

namespace quartet::imapd {
namespace {

/// New messages of which the same is to be told.
struct Fetched {
  std::vector<FetchItem> items;
  SequenceSet uids;
};

/// The client has not asked for it in so many words, and has it with every response that it did not ask for (RFC 7162
/// section 3.2.4).
const std::vector<FetchItem>& mod_sequence() {
  static const auto items = [] {
    std::vector<FetchItem> one(1);
    one.front().kind = FetchItem::Kind::kModSeq;
    return one;
  }();
  return items;
}

std::vector<Fetched> to_fetch(const Context& context, std::uint32_t first_new, const SearchContexts::Wanted& wanted) {
  static const std::vector<FetchItem> kNone;
  const auto& of_all = context.notifier != nullptr ? context.notifier->of_selected().items : kNone;
  const auto& view = *context.selected->view();
  std::vector<Fetched> groups;
  for (auto position = view.lower_bound(first_new); position < view.size(); ++position) {
    const auto uid = view[position].uid;
    if (std::ranges::find(context.created, uid) != context.created.end()) continue;
    auto items = of_all;
    if (const auto more = wanted.find(uid); more != wanted.end()) add_items(items, more->second);
    if (items.empty()) continue;
    if (context.enabled.condstore) add_items(items, mod_sequence());
    if (groups.empty() || groups.back().items != items) groups.push_back({std::move(items), {}});
    groups.back().uids.add(uid);
  }
  return groups;
}

}  // namespace

bool wants_changes(const Context& context) {
  return context.notifier == nullptr || context.notifier->of_selected().messages;
}

bool wants_flags(const Context& context) {
  return context.notifier == nullptr || context.notifier->of_selected().flags;
}

async::Task<store::Result<void>> tell_changes(Context& context, Selected::Refresh how, FlagChanges flags) {
  auto& selected = *context.selected;
  how.flags = flags == FlagChanges::kAll || wants_flags(context);
  const auto refreshed = co_await selected.refresh(std::move(how), context.output.text());
  if (!refreshed) co_return refreshed;
  const auto first_new = selected.take_first_new();
  // Behind the EXISTS and FETCH that they follow from (RFC 5267 section 4.3.3, RFC 5465 section 5.1), and before what
  // is told of new messages (RFC 5465 section 5.2).
  const auto wanted = co_await selected.contexts().tell(context);
  for (const auto& group : to_fetch(context, first_new, wanted)) {
    Fetch command;
    command.set = group.uids;
    command.items = group.items;
    (void)co_await fetch(context, command, true);
  }
  co_return store::Result<void>();
}

}  // namespace quartet::imapd
