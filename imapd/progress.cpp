#include "imapd/progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/async/task_group.h"

namespace quartet::imapd {
namespace {

std::string in_progress(const std::string& tag, const Progress& progress) {
  // Many clients look for "]" to find the end of a response code, and a tag may hold it.
  const auto quoted = tag.contains(']') ? std::string("NIL") : fmt::format("\"{}\"", tag);
  if (progress.goal == 0) return fmt::format("* OK [INPROGRESS ({} NIL NIL)] Still at it", quoted);
  return fmt::format("* OK [INPROGRESS ({} {} {})] Still at it", quoted, progress.done, progress.goal);
}

/// Until the command is over.
async::Task<void> tell_progress(Context& context, const std::string& tag, async::Event& over) {
  for (;;) {
    const auto waited = co_await over.wait(async::Deadline::after(context.options.progress_interval));
    if (waited != async::Wait::kTimedOut || context.output.failed()) co_return;
    context.output.line(in_progress(tag, context.progress));
    co_await context.output.flush();
  }
}

}  // namespace

bool takes_long(const Command& command) {
  static constexpr std::string_view kNames[] = {"SEARCH", "ESEARCH", "SORT", "THREAD", "COPY", "MOVE", "EXPUNGE"};
  return std::ranges::find(kNames, command.name) != std::end(kNames);
}

async::Task<Reply> with_progress(Context& context, const std::string& tag, async::Task<Reply> work) {
  async::Event over;
  async::TaskGroup group;
  group.spawn(tell_progress(context, tag, over));
  auto reply = co_await std::move(work);
  over.set();
  co_await group.join();
  co_return reply;
}

}  // namespace quartet::imapd
