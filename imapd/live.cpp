#include "imapd/live.h"

#include <algorithm>
#include <utility>

#include "common/async/pass_on.h"
#include "common/async/task_group.h"
#include "imapd/access.h"
#include "imapd/changes.h"
#include "imapd/notifier.h"

namespace quartet::imapd {
namespace {

async::Task<void> read_into(Input& input, bool& more, async::Event& over) {
  more = co_await input.read();
  over.set();
}

std::vector<async::Event*> sources_of_change(Context& context) {
  std::vector<async::Event*> events;
  if (context.notifier != nullptr) events = context.notifier->events();
  if (context.selected && wants_changes(context)) events.push_back(&context.selected->changed());
  return events;
}

/// As at the end of a command, but only if there was a hint.
async::Task<void> tell_of_selected(Context& context, Selected::Expunges expunges) {
  const auto told = co_await tell_changes(context, {.expunges = expunges, .always = false});
  // Other errors: the next hint tries again.
  if (!told) context.farewell = farewell_after(told.error());
}

}  // namespace

async::Task<async::Wait> wait_for_changes(Context& context, async::Event& enough, async::Deadline deadline) {
  const auto look_every = context.notifier == nullptr ? std::nullopt : context.notifier->look_every();
  const auto look_at = look_every ? async::Deadline::after(*look_every) : async::Deadline::never();
  async::Event any;
  async::TaskGroup group;
  group.spawn(async::pass_on(enough, any));
  for (auto* const event : sources_of_change(context)) group.spawn(async::pass_on(*event, any));
  auto woken = co_await any.wait(earlier(deadline, look_at));
  co_await group.close();
  if (woken == async::Wait::kTimedOut && !deadline.passed()) {
    context.notifier->look_again();
    woken = async::Wait::kReady;
  }
  co_return woken;
}

async::Task<void> tell_live(Context& context, Selected::Expunges expunges) {
  co_await look_at_rights(context);
  if (!context.farewell.empty()) co_return;
  context.created.clear();
  if (context.selected && wants_changes(context)) co_await tell_of_selected(context, expunges);
  if (context.notifier != nullptr && context.farewell.empty()) co_await context.notifier->tell(context);
}

async::Task<bool> fill_and_notify(Context& context, Input& input, std::vector<async::Event*> enough) {
  bool more = false;
  async::Event over;
  async::TaskGroup group;
  group.spawn(read_into(input, more, over));
  for (auto* const event : enough) group.spawn(async::pass_on(*event, over));
  const bool at_once = context.notifier->of_selected().at_once;
  while (!over.is_set() && !context.output.failed() && context.farewell.empty()) {
    co_await tell_live(context, at_once ? Selected::Expunges::kTold : Selected::Expunges::kKept);
    co_await context.output.flush();
    if (over.is_set() || !context.farewell.empty()) break;
    const auto woken = co_await wait_for_changes(context, over, async::Deadline::never());
    if (woken == async::Wait::kCancelled) break;
  }
  co_await group.close();
  co_return more;
}

}  // namespace quartet::imapd
