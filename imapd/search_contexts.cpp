#include "imapd/search_contexts.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "imapd/column_reader.h"
#include "imapd/context.h"
#include "imapd/numbers.h"
#include "imapd/proto/writer.h"
#include "imapd/search_result.h"
#include "imapd/searcher.h"

namespace quartet::imapd {
namespace {

using Kind = SearchKey::Kind;

constexpr std::uint32_t kLastUid = store::kMaxUid - 1;

SequenceSet uids_in(const store::Snapshot& view, const Positions& positions) {
  std::vector<SequenceRange> ranges;
  for (const auto& range : positions) ranges.push_back({view[range.first].uid, view[range.end - 1].uid});
  return SequenceSet(std::move(ranges));
}

SequenceSet without_star(const SequenceSet& set, std::uint32_t highest) {
  std::vector<SequenceRange> ranges;
  for (const auto& range : set.ranges()) {
    if (range.last != SequenceSet::kStar) {
      ranges.push_back(range);
      continue;
    }
    if (highest != 0) ranges.push_back({std::min(range.first, highest), highest});
    if (range.first != SequenceSet::kStar) ranges.push_back({range.first, kLastUid});
  }
  return SequenceSet(std::move(ranges));
}

/// Whether another message can match, or an old one no more, although no message came or went.
bool is_changeable(Kind kind) {
  switch (kind) {
    case Kind::kAnswered:
    case Kind::kDeleted:
    case Kind::kDraft:
    case Kind::kFlagged:
    case Kind::kRecent:
    case Kind::kSeen:
    case Kind::kKeyword:
    case Kind::kModSeq:
      return true;
    default:
      return false;
  }
}

bool any_kind(const SearchKey& key, bool (*is)(Kind)) {
  return is(key.kind) ||
         std::ranges::any_of(key.children, [is](const SearchKey& child) { return any_kind(child, is); });
}

/// What time alone changes. It is looked at when something else has changed (RFC 5032 section 2).
bool is_of_age(Kind kind) { return kind == Kind::kOlder || kind == Kind::kYounger; }

/// Where these UIDs, ascending, are in the result; ascending.
std::vector<std::size_t> places_of(const SearchContext& context, const std::vector<std::uint32_t>& uids) {
  std::vector<std::size_t> places;
  if (context.sorted) {
    for (std::size_t n = 0; n < context.uids.size(); ++n)
      if (std::ranges::binary_search(uids, context.uids[n])) places.push_back(n);
    return places;
  }
  for (const auto uid : uids) {
    const auto found = std::ranges::lower_bound(context.uids, uid);
    if (found != context.uids.end() && *found == uid)
      places.push_back(static_cast<std::size_t>(found - context.uids.begin()));
  }
  return places;
}

/// "ADDTO (0 5:7)". Of SORT with the place of each run, counted from 1, as it is once those before it are done with:
/// `removed` ones leave before the next.
void append_change(std::string& out, std::string_view name, const SearchContext& context, const store::Snapshot& view,
                   const std::vector<std::size_t>& places, bool removed) {
  if (places.empty()) return;
  const auto number = [&](std::size_t place) {
    const auto uid = context.uids[place];
    return context.uid ? uid : static_cast<std::uint32_t>(view.lower_bound(uid) + 1);
  };
  out.append(" ").append(name).append(" (");
  const char* separator = "";
  for (std::size_t n = 0; n < places.size();) {
    std::vector<std::uint32_t> numbers;
    const auto first = n;
    do numbers.push_back(number(places[n++]));
    while (n < places.size() && (!context.sorted || places[n] == places[n - 1] + 1));
    const auto place = context.sorted ? places[first] + 1 - (removed ? first : 0) : 0;
    fmt::format_to(std::back_inserter(out), "{}{} {}", separator, place, to_ordered_text(numbers));
    separator = " ";
  }
  out += ')';
}

void append_begin(std::string& out, const SearchContext& context) {
  out += "* ESEARCH (TAG ";
  append_quoted(out, context.tag);
  out.append(context.place).append(context.uid ? ") UID" : ")");
}

void take_out(SearchContext& context, const std::vector<std::size_t>& places) {
  const auto take = [&places](auto& from) {
    auto place = places.begin();
    std::size_t n = 0;
    std::erase_if(from, [&](const auto&) {
      if (place == places.end() || n++ != *place) return false;
      ++place;
      return true;
    });
  };
  take(context.uids);
  if (!context.sorted) return;
  take(context.row_of);
  if (context.rows.size() <= 2 * context.row_of.size() + 1024) return;
  context.rows.keep(context.row_of);
  std::iota(context.row_of.begin(), context.row_of.end(), std::size_t{0});
}

/// Messages that have come into the result, as positions of the view, with their scores.
async::Task<bool> read_rows(Context& session, SearchContext& context, store::SnapshotPtr view, const Found& added,
                            std::size_t first_row) {
  context.rows.resize(first_row + added.positions.size());
  for (std::size_t n = 0; n < added.positions.size(); ++n) {
    context.rows.set(first_row + n, (*view)[added.positions[n]]);
    if (!added.scores.empty()) context.rows.set_score(first_row + n, added.scores[n]);
  }
  const auto& columns = context.rows.header_columns();
  if (columns.empty()) co_return true;
  const auto use = [&context, first_row](std::size_t row, std::span<const std::string_view> texts) {
    context.rows.set(first_row + row, texts);
  };
  const auto failed = co_await each_text(session, {view, added.positions, columns}, use);
  co_return !failed;
}

/// Of equal messages, that with the lower UID is first, as SORT puts them.
bool is_before(const SearchContext& context, std::size_t row, std::uint32_t uid, std::size_t other_row,
               std::uint32_t other_uid) {
  const auto order = context.rows.compare(row, other_row);
  return order < 0 || (order == 0 && uid < other_uid);
}

std::ptrdiff_t place_for(const SearchContext& context, std::size_t row, std::uint32_t uid) {
  std::size_t low = 0;
  for (auto high = context.uids.size(); low < high;) {
    const auto middle = low + (high - low) / 2;
    if (is_before(context, context.row_of[middle], context.uids[middle], row, uid))
      low = middle + 1;
    else
      high = middle;
  }
  return static_cast<std::ptrdiff_t>(low);
}

/// Many at a time: to put in one after the other would move what is behind for each of them. `uids` are those of the
/// rows from the first on.
void merge_in(SearchContext& context, const std::vector<std::uint32_t>& uids, std::size_t first_row) {
  std::vector<std::size_t> order(uids.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    return is_before(context, first_row + a, uids[a], first_row + b, uids[b]);
  });
  std::vector<std::uint32_t> merged;
  std::vector<std::size_t> rows;
  auto next = order.begin();
  for (std::size_t n = 0; n <= context.uids.size(); ++n) {
    const bool last = n == context.uids.size();
    for (; next != order.end() &&
           (last || is_before(context, first_row + *next, uids[*next], context.row_of[n], context.uids[n]));
         ++next) {
      merged.push_back(uids[*next]);
      rows.push_back(first_row + *next);
    }
    if (last) break;
    merged.push_back(context.uids[n]);
    rows.push_back(context.row_of[n]);
  }
  context.uids = std::move(merged);
  context.row_of = std::move(rows);
}

void put_in(SearchContext& context, const store::Snapshot& view, const Found& added, std::size_t first_row) {
  constexpr std::size_t kFew = 16;
  const auto uids = uids_at(view, added.positions);
  if (!context.sorted) {
    std::vector<std::uint32_t> merged;
    merged.reserve(context.uids.size() + uids.size());
    std::ranges::merge(context.uids, uids, std::back_inserter(merged));
    context.uids = std::move(merged);
    return;
  }
  if (uids.size() > kFew) return merge_in(context, uids, first_row);
  for (std::size_t n = 0; n < uids.size(); ++n) {
    const auto place = place_for(context, first_row + n, uids[n]);
    context.uids.insert(context.uids.begin() + place, uids[n]);
    context.row_of.insert(context.row_of.begin() + place, first_row + n);
  }
}

/// Those of the found messages that are not in the result yet.
Found not_in(const SearchContext& context, const store::Snapshot& view, const Found& found) {
  std::vector<std::uint32_t> old;
  for (const auto place : places_of(context, uids_at(view, found.positions))) old.push_back(context.uids[place]);
  std::ranges::sort(old);
  Found added;
  for (std::size_t n = 0; n < found.positions.size(); ++n) {
    if (std::ranges::binary_search(old, view[found.positions[n]].uid)) continue;
    added.positions.push_back(found.positions[n]);
    if (!found.scores.empty()) added.scores.push_back(found.scores[n]);
  }
  return added;
}

/// Looks at the candidates, positions of the view, again, and gives the UIDs that have come into the result. nullopt:
/// the store could not be asked.
async::Task<std::optional<std::vector<std::uint32_t>>> look_again(Context& session, SearchContext& context,
                                                                  std::vector<std::size_t> candidates) {
  const auto mailbox = searched(*session.selected);
  const auto& view = *mailbox.view;
  const auto found = co_await find_matching(session, mailbox, context.key, {context.scores, &candidates});
  if (!found) co_return std::nullopt;
  const auto all = uids_at(view, candidates);
  const auto matching = uids_at(view, found->positions);
  std::vector<std::uint32_t> gone;
  std::ranges::set_difference(all, matching, std::back_inserter(gone));
  const auto places = places_of(context, gone);
  std::string text;
  append_change(text, "REMOVEFROM", context, view, places, true);
  take_out(context, places);
  const auto added = not_in(context, view, *found);
  const auto added_uids = uids_at(view, added.positions);
  const auto first_row = context.rows.size();
  if (context.sorted) {
    const bool read = co_await read_rows(session, context, mailbox.view, added, first_row);
    if (!read) co_return std::nullopt;
  }
  put_in(context, view, added, first_row);
  append_change(text, "ADDTO", context, view, places_of(context, added_uids), false);
  if (text.empty()) co_return added_uids;
  append_begin(session.output.text(), context);
  session.output.text().append(text).append("\r\n");
  co_return added_uids;
}

}  // namespace

void add_items(std::vector<FetchItem>& items, const std::vector<FetchItem>& more) {
  for (const auto& item : more)
    if (std::ranges::find(items, item) == items.end()) items.push_back(item);
}

SearchKey frozen(const SearchKey& key, const Searched& mailbox) {
  auto out = key;
  if (key.kind == Kind::kSequence || key.set.saved_result()) {
    const bool uid = key.kind == Kind::kUid;
    out.kind = Kind::kUid;
    out.set = uids_in(*mailbox.view, match_messages(*mailbox.view, mailbox.saved, key.set, uid));
  } else if (key.kind == Kind::kUid) {
    const auto& view = *mailbox.view;
    out.set = without_star(key.set, view.empty() ? 0 : view[view.size() - 1].uid);
  }
  for (auto& child : out.children) child = frozen(child, mailbox);
  return out;
}

bool SearchContexts::has(std::string_view tag) const {
  return std::ranges::find(contexts_, tag, &SearchContext::tag) != contexts_.end();
}

bool SearchContexts::has_room(std::size_t found, std::size_t sorted) const {
  for (const auto& each : contexts_) {
    found += each.uids.size();
    sorted += each.row_of.size();
  }
  return found <= kMostFound && sorted <= kMostSorted;
}

bool SearchContexts::add(SearchContext context) {
  if (contexts_.size() >= kMost || !has_room(context.uids.size(), context.row_of.size())) return false;
  contexts_.push_back(std::move(context));
  return true;
}

bool SearchContexts::cancel(std::string_view tag) {
  return std::erase_if(contexts_, [tag](const SearchContext& context) { return context.tag == tag; }) != 0;
}

void SearchContexts::on_expunged(const store::Snapshot& older, const std::vector<std::size_t>& positions,
                                 std::string& out) {
  if (contexts_.empty() || positions.empty()) return;
  const auto uids = uids_at(older, positions);
  for (auto& context : contexts_) {
    const auto places = places_of(context, uids);
    if (places.empty()) continue;
    append_begin(out, context);
    append_change(out, "REMOVEFROM", context, older, places, true);
    out += "\r\n";
    take_out(context, places);
  }
}

void SearchContexts::on_moved(const store::Snapshot& newer, const store::SnapshotDelta& delta) {
  if (contexts_.empty()) return;
  for (const auto position : delta.changed) changed_.push_back(newer[position].uid);
  if (delta.first_new < newer.size()) first_new_ = std::min(first_new_, newer[delta.first_new].uid);
}

std::vector<std::size_t> SearchContexts::candidates(const SearchContext& context, const store::Snapshot& view) const {
  std::vector<std::size_t> positions;
  if (any_kind(context.key, is_of_age)) {
    positions.resize(view.size());
    std::iota(positions.begin(), positions.end(), std::size_t{0});
    return positions;
  }
  if (any_kind(context.key, is_changeable))
    for (const auto uid : changed_)
      if (const auto position = view.find(uid)) positions.push_back(*position);
  for (auto position = view.lower_bound(first_new_); position < view.size(); ++position) positions.push_back(position);
  std::ranges::sort(positions);
  positions.erase(std::ranges::unique(positions).begin(), positions.end());
  return positions;
}

async::Task<SearchContexts::Wanted> SearchContexts::tell(Context& session) {
  Wanted wanted;
  if (changed_.empty() && first_new_ == store::kMaxUid) co_return wanted;
  for (std::size_t n = 0; n < contexts_.size();) {
    auto positions = candidates(contexts_[n], *session.selected->view());
    std::optional<std::vector<std::uint32_t>> added(std::in_place);
    if (!positions.empty()) added = co_await look_again(session, contexts_[n], std::move(positions));
    const bool fits = has_room(0, 0);
    if (added && fits) {
      for (const auto uid : *added)
        if (uid >= first_new_ && !contexts_[n].items.empty()) add_items(wanted[uid], contexts_[n].items);
      ++n;
      continue;
    }
    // The client is told that it knows no more, instead of being left with an old result, or with one that grows
    // without end.
    std::string tag;
    append_quoted(tag, contexts_[n].tag);
    session.output.line("* NO [NOUPDATE " + tag + (added ? "] Too many messages by now" : "] The mail store failed"));
    contexts_.erase(contexts_.begin() + static_cast<std::ptrdiff_t>(n));
  }
  changed_.clear();
  first_new_ = store::kMaxUid;
  co_return wanted;
}

}  // namespace quartet::imapd
