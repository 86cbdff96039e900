#include "imapd/numbers.h"

#include <algorithm>

namespace quartet::imapd {
namespace {

void add_uids(Positions& positions, const store::Snapshot& view, std::uint32_t first, std::uint32_t last) {
  const auto begin = view.lower_bound(first);
  const auto end = last == store::kMaxUid ? view.size() : view.lower_bound(last + 1);
  if (begin < end) positions.push_back({begin, end});
}

Positions by_uid(const store::Snapshot& view, const store::UidSet& uids) {
  Positions positions;
  for (const auto& range : uids) add_uids(positions, view, range.first, range.last);
  return positions;
}

Positions by_uid(const store::Snapshot& view, const SequenceSet& set) {
  Positions positions;
  const auto resolved = set.resolve(view.empty() ? 0 : view[view.size() - 1].uid);
  for (const auto& range : resolved.ranges()) add_uids(positions, view, range.first, range.last);
  return positions;
}

std::expected<Positions, Reply> by_number(const store::Snapshot& view, const SequenceSet& set) {
  Positions positions;
  const auto resolved = set.resolve(static_cast<std::uint32_t>(view.size()));
  for (const auto& range : resolved.ranges()) {
    if (range.last > view.size()) return std::unexpected(Reply::bad("No message has such a number"));
    positions.push_back({range.first - 1, range.last});
  }
  return positions;
}

}  // namespace

Positions match_messages(const store::Snapshot& view, const store::UidSet& saved, const SequenceSet& set, bool uid) {
  if (set.saved_result()) return by_uid(view, saved);
  if (uid) return by_uid(view, set);
  Positions positions;
  const auto resolved = set.resolve(static_cast<std::uint32_t>(view.size()));
  for (const auto& range : resolved.ranges()) {
    if (range.first > view.size()) continue;
    positions.push_back({range.first - 1, std::min<std::size_t>(range.last, view.size())});
  }
  return positions;
}

std::expected<Positions, Reply> find_messages(const Selected& selected, const SequenceSet& set, bool uid) {
  const auto& view = *selected.view();
  if (set.saved_result()) return by_uid(view, selected.saved());
  if (uid) return by_uid(view, set);
  return by_number(view, set);
}

Positions changed_since(const store::Snapshot& view, const Positions& positions, std::uint64_t modseq) {
  Positions changed;
  for (const auto& range : positions)
    for (auto position = range.first; position < range.end; ++position) {
      if (view[position].modseq <= modseq) continue;
      if (!changed.empty() && changed.back().end == position)
        ++changed.back().end;
      else
        changed.push_back({position, position + 1});
    }
  return changed;
}

std::string to_text(const store::UidSet& uids) {
  std::vector<SequenceRange> ranges;
  for (const auto& range : uids) ranges.push_back({range.first, range.last});
  return SequenceSet(std::move(ranges)).to_string();
}

store::UidSet named_uids(const Selected& selected, const SequenceSet& set) {
  if (set.saved_result()) return selected.saved();
  store::UidSet uids;
  const auto& view = *selected.view();
  const auto highest = view.empty() ? 0 : view[view.size() - 1].uid;
  std::vector<SequenceRange> ranges;
  for (const auto& range : set.ranges()) {
    if (range.last == SequenceSet::kStar)
      ranges.push_back({std::min(range.first, highest), store::kMaxUid - 1});
    else
      ranges.push_back(range);
  }
  const SequenceSet named(std::move(ranges));
  for (const auto& range : named.ranges()) uids.push_back({range.first, range.last});
  return uids;
}

store::UidSet uids_of(const Selected& selected, const Positions& positions) {
  // Every message that exists between two of the view is in the view: newer ones have greater UIDs.
  const auto& view = *selected.view();
  store::UidSet uids;
  for (const auto& range : positions) uids.push_back({view[range.first].uid, view[range.end - 1].uid});
  return uids;
}

}  // namespace quartet::imapd
