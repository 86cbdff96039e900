// Results of SEARCH and SORT that the client is kept informed of: UPDATE (RFC 5267 section 4.3).
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/async/task.h"
#include "common/store/snapshot.h"
#include "imapd/proto/fetch_item.h"
#include "imapd/proto/search_key.h"
#include "imapd/sort_rows.h"

namespace quartet::imapd {

struct Context;
struct Found;
struct Searched;

/// A key that goes on meaning the messages it means now: numbers become UIDs (RFC 5267 section 4.3), "$" what it stands
/// for, and "*" the highest UID there is; "5:*" takes in all that come.
SearchKey frozen(const SearchKey& key, const Searched& mailbox);

/// Adds those that are not there yet.
void add_items(std::vector<FetchItem>& items, const std::vector<FetchItem>& more);

/// One result.
struct SearchContext {
  std::string tag;                    // of the command
  std::string place{};                // more of where it is (RFC 7377), as in Results; "" for SEARCH and SORT
  bool uid = false;                   // the client wants UIDs
  SearchKey key;                      // frozen
  bool scores = false;                // it is in the order of scores (RFC 6203), or partly
  std::vector<FetchItem> items{};     // to tell of messages that have come to the mailbox and into the result
  std::vector<std::uint32_t> uids{};  // in the order of the result
  // Of SORT:
  bool sorted = false;
  SortRows rows{{}, 0};
  std::vector<std::size_t> row_of{};  // the row of each of `uids`
};

/// Those of one selected mailbox.
class SearchContexts {
 public:
  static constexpr std::size_t kMost = 16;
  // Messages in all results together.
  static constexpr std::size_t kMostFound = 500'000;
  static constexpr std::size_t kMostSorted = 50'000;

  bool has(std::string_view tag) const;
  /// False: there are too many, or their results are too large.
  bool add(SearchContext context);
  /// False: there is none with this tag.
  bool cancel(std::string_view tag);

  /// These messages, positions of `older`, are about to be told as expunged. Appends what changes by it: the numbers
  /// in it are still those of `older`.
  void on_expunged(const store::Snapshot& older, const std::vector<std::size_t>& positions, std::string& out);
  /// Notes what tell() has to look at.
  void on_moved(const store::Snapshot& newer, const store::SnapshotDelta& delta);
  /// What else the client wants to know of messages that have come into results, by their UIDs (RFC 5465 section 7).
  using Wanted = std::map<std::uint32_t, std::vector<FetchItem>>;
  /// Appends what the noted messages change in the results, in the numbers of the view of now.
  async::Task<Wanted> tell(Context& context);

 private:
  /// For so many more, of which so many are sorted.
  bool has_room(std::size_t found, std::size_t sorted) const;
  std::vector<std::size_t> candidates(const SearchContext& context, const store::Snapshot& view) const;

  std::vector<SearchContext> contexts_;
  std::vector<std::uint32_t> changed_;  // UIDs, in no order
  std::uint32_t first_new_ = store::kMaxUid;
};

}  // namespace quartet::imapd
