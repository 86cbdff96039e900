// IDLE: RFC 2177. New mail is told at once, and a line now and then keeps address translators from forgetting the
// connection.
#include "common/async/pass_on.h"
#include "common/async/task_group.h"
#include "common/async/wait.h"
#include "common/base/ascii.h"
#include "common/base/scope.h"
#include "common/metrics/metrics.h"
#include "imapd/commands.h"
#include "imapd/live.h"

namespace quartet::imapd {
namespace {

constexpr std::chrono::seconds kStillHere{120};

/// What the reader and the teller of changes share.
struct Idling {
  async::Event ended;  // the reader has ended, or the server is to close
  std::optional<std::string> line;
};

async::Task<void> read_done(Input& input, Idling& idling) {
  for (;;) {
    if (auto line = input.reader().next_line(1024)) {
      idling.line = *line ? **std::move(line) : std::string();
      break;
    }
    const bool more = co_await input.read();
    if (!more) break;
  }
  idling.ended.set();
}

/// Tells of changes until the reader has ended, or there is nothing more to tell.
async::Task<void> tell_until_ended(Context& context, Idling& idling) {
  while (!idling.ended.is_set() && !context.output.failed()) {
    // Before the first wait too: expunges may be left that the command before could not tell.
    co_await tell_live(context, Selected::Expunges::kTold);
    if (!context.farewell.empty()) co_return;
    co_await context.output.flush();
    const auto woken = co_await wait_for_changes(context, idling.ended, async::Deadline::after(kStillHere));
    if (woken == async::Wait::kCancelled || idling.ended.is_set()) co_return;
    if (woken == async::Wait::kTimedOut) context.output.line("* OK Still here");
  }
}

}  // namespace

Answer idle(Context& context, Input& input) {
  static auto& idlers = metrics::gauge("quartet_imapd_idling", "Sessions in IDLE");
  idlers.add(1);
  const ScopeExit ended([] { idlers.add(-1); });
  context.output.line("+ Idling");
  Idling idling;
  async::TaskGroup group;
  group.spawn(read_done(input, idling));
  for (auto* ending : endings(context.options)) group.spawn(async::pass_on(*ending, idling.ended));
  co_await tell_until_ended(context, idling);
  co_await group.close();
  if (!idling.line) co_return Reply::no("Not idling any more");
  if (!ascii::iequals(*idling.line, "DONE")) co_return Reply::bad("Expected DONE");
  co_return Reply::ok("Idled");
}

}  // namespace quartet::imapd
