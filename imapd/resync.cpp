#include "imapd/resync.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "imapd/numbers.h"

namespace quartet::imapd {
namespace {

store::UidSet intersection(const store::UidSet& a, const store::UidSet& b) {
  store::UidSet both;
  for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
    const store::UidRange range{std::max(i->first, j->first), std::min(i->last, j->last)};
    if (range.first <= range.last) both.push_back(range);
    i->last < j->last ? ++i : ++j;
  }
  return both;
}

store::UidSet to_uids(const SequenceSet& set) {
  store::UidSet uids;
  for (const auto& range : set.ranges()) uids.push_back({range.first, range.last});
  return uids;
}

void append_changed(Context& context, std::uint64_t modseq, const store::UidSet& known) {
  const auto& view = *context.selected->view();
  auto& out = context.output.text();
  auto range = known.begin();
  for (std::size_t n = 0; n < view.blocks().size(); ++n) {
    auto number = view.block_start(n);
    for (const auto& entry : *view.blocks()[n]) {
      ++number;
      if (entry.modseq <= modseq) continue;
      while (range != known.end() && range->last < entry.uid) ++range;
      if (range == known.end()) return;
      if (range->first <= entry.uid) context.selected->append_flags_of(out, number, entry);
    }
  }
}

}  // namespace

store::UidSet vanished_of(const store::UidSet& vanished, const store::UidSet& known, const store::Snapshot& view) {
  store::UidSet told;
  for (const auto& range : intersection(vanished, known)) {
    // What was expunged after the view was taken is told with the next change of the view.
    auto first = range.first;
    for (auto n = view.lower_bound(first); n < view.size() && view[n].uid <= range.last; ++n) {
      if (first < view[n].uid) told.push_back({first, view[n].uid - 1});
      first = view[n].uid + 1;
    }
    if (first <= range.last) told.push_back({first, range.last});
  }
  return told;
}

std::uint32_t first_doubt(const Qresync& client, const store::Snapshot& view) {
  std::uint32_t doubt = 1;
  if (!client.known_pairs) return doubt;
  const auto& uids = client.known_pairs->second.ranges();
  auto uid_range = uids.begin();
  std::uint32_t uid = uids.empty() ? 0 : uid_range->first;
  for (const auto& range : client.known_pairs->first.ranges()) {
    for (auto number = range.first; number <= range.last; ++number) {
      if (number > view.size() || uid_range == uids.end() || view[number - 1].uid != uid) return doubt;
      doubt = uid + 1;
      if (uid != uid_range->last)
        ++uid;
      else if (++uid_range != uids.end())
        uid = uid_range->first;
    }
  }
  return doubt;
}

async::Task<store::Result<void>> append_vanished(Context& context, std::uint64_t modseq, store::UidSet known) {
  const auto changes = co_await context.store().changes(context.selected->ref(), modseq);
  if (!changes) co_return std::unexpected(changes.error());
  const auto told = vanished_of(changes->vanished, known, *context.selected->view());
  if (!told.empty()) context.output.line("* VANISHED (EARLIER) " + to_text(told));
  co_return store::Result<void>();
}

async::Task<store::Result<void>> append_resync(Context& context, const Qresync& client) {
  const auto view = context.selected->view();
  if (client.uidvalidity != view->uidvalidity() || client.modseq >= view->highest_modseq())
    co_return store::Result<void>();
  // Flags as well as expunges are told of these messages only (RFC 7162 section 3.2.5.1).
  const auto known = client.known_uids ? to_uids(*client.known_uids) : store::UidSet{{1, store::kMaxUid - 1}};
  const auto doubt = first_doubt(client, *view);
  auto doubtful = doubt > 1 ? intersection(known, {{doubt, store::kMaxUid - 1}}) : known;
  const auto told = co_await append_vanished(context, client.modseq, std::move(doubtful));
  if (!told) co_return std::unexpected(told.error());
  append_changed(context, client.modseq, known);
  co_return store::Result<void>();
}

}  // namespace quartet::imapd
