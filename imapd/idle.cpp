// IDLE: RFC 2177. New mail is told at once, and a line now and then keeps address translators from forgetting the
// connection.
#include "common/async/task_group.h"
#include "common/async/wait.h"
#include "common/base/ascii.h"
#include "common/base/scope.h"
#include "common/metrics/metrics.h"
#include "imapd/access.h"
#include "imapd/changes.h"
#include "imapd/commands.h"

namespace quartet::imapd {
namespace {

constexpr std::chrono::seconds kStillHere{120};

/// What the reader and the teller of changes share.
struct Idling {
  async::Event own;              // used while no mailbox is selected
  async::Event* wake = nullptr;  // set for a change, and when the reader has ended
  std::optional<std::string> line;
  bool ended = false;
};

async::Task<void> read_done(Input& input, Idling& idling, std::chrono::seconds timeout) {
  for (;;) {
    if (auto line = input.reader().next_line(1024)) {
      idling.line = *line ? **std::move(line) : std::string();
      break;
    }
    const bool more = co_await input.read(timeout);
    if (!more) break;
  }
  idling.ended = true;
  idling.wake->set();
}

async::Task<void> wake_at(async::Event& ending, Idling& idling) {
  const auto waited = co_await ending.wait(async::Deadline::never());
  if (waited == async::Wait::kReady) idling.wake->set();
}

/// Tells of changes until the reader has ended, or there is nothing more to tell.
async::Task<void> tell_changes(Context& context, Idling& idling) {
  while (!idling.ended && !context.output.failed()) {
    co_await context.output.flush();
    const auto woken = co_await idling.wake->wait(async::Deadline::after(kStillHere));
    if (woken == async::Wait::kCancelled || idling.ended) co_return;
    const auto* draining = context.options.draining;
    if (draining != nullptr && draining->load(std::memory_order_relaxed)) co_return;
    if (context.options.record != nullptr && context.options.record->is_to_end()) co_return;
    if (woken == async::Wait::kTimedOut) context.output.line("* OK Still here");
    if (!context.selected) continue;
    co_await look_at_rights(context);
    if (!context.farewell.empty()) co_return;
    const auto refreshed = co_await tell_changes(context, {});
    if (refreshed || refreshed.error().code != store::ErrorCode::kNoMailbox) continue;
    context.farewell = "The selected mailbox was deleted";
    co_return;
  }
}

}  // namespace

Answer idle(Context& context, Input& input) {
  static auto& idlers = metrics::gauge("quartet_imapd_idling", "Sessions in IDLE");
  idlers.add(1);
  const ScopeExit ended([] { idlers.add(-1); });
  context.output.line("+ Idling");
  Idling idling;
  idling.wake = context.selected ? &context.selected->changed() : &idling.own;
  async::TaskGroup group;
  group.spawn(read_done(input, idling, context.options.idle_timeout));
  for (auto* ending : endings(context.options)) group.spawn(wake_at(*ending, idling));
  co_await tell_changes(context, idling);
  co_await group.close();
  if (!idling.line) co_return Reply::no("Not idling any more");
  if (!ascii::iequals(*idling.line, "DONE")) co_return Reply::bad("Expected DONE");
  co_return Reply::ok("Idled");
}

}  // namespace quartet::imapd
