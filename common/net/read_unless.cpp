#include "common/net/read_unless.h"

#include <utility>

#include "common/async/pass_on.h"
#include "common/async/task_group.h"

namespace quartet::net {
namespace {

using Octets = std::expected<std::string_view, IoError>;

async::Task<void> read_into(Stream& stream, async::Deadline deadline, Octets& octets, async::Event& over) {
  octets = co_await stream.read_some(deadline);
  over.set();
}

}  // namespace

async::Task<Octets> read_unless(Stream& stream, async::Deadline deadline, std::vector<async::Event*> enough) {
  if (deadline.passed()) co_return std::unexpected(IoError{IoCode::kTimedOut, ""});
  if (enough.empty()) co_return co_await stream.read_some(deadline);
  Octets octets = std::unexpected(IoError{IoCode::kCancelled, ""});
  async::Event over;
  async::TaskGroup group;
  group.spawn(read_into(stream, deadline, octets, over));
  for (auto* const event : enough) group.spawn(async::pass_on(*event, over));
  co_await over.wait(async::Deadline::never());
  co_await group.close();
  co_return octets;
}

std::vector<async::Event*> endings(async::Event* drain_begun, SessionRecord* record) {
  std::vector<async::Event*> events;
  if (drain_begun != nullptr) events.push_back(drain_begun);
  if (record != nullptr) events.push_back(&record->end_wish());
  return events;
}

}  // namespace quartet::net
