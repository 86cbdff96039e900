// What a FETCH needs of the store for each message, worked out once from its items.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "common/mime/kept_fields.h"
#include "common/mime/structure.h"
#include "common/store/snapshot.h"
#include "imapd/column_cache.h"
#include "imapd/proto/fetch_item.h"

namespace quartet::imapd {

struct FetchPlan {
  const std::vector<FetchItem>& items;
  std::vector<std::string> names{};                         // in responses, of each item
  std::vector<std::optional<mime::KeptFields>> selected{};  // of each item: the header fields that answer it
  std::vector<Column> columns{};                            // what the items need of the store, if columns suffice
  std::vector<std::size_t> column_of{};                     // of each item; kNoColumn: it needs none
  bool add_uid = false;                                     // UID FETCH answers with UID even if it was not asked for
  unsigned cached = 0;                                      // mask of store::cached
  bool details = false;                                     // what store::MessageDetails has
  bool parts = false;                                       // the structure is needed to find sections
  bool bytes = false;                                       // some of the message, of each
  bool flags = false;                                       // FLAGS was asked for
  bool modseq = false;                                      // MODSEQ was asked for
  bool sets_seen = false;                                   // \Seen is to be set

  static constexpr std::size_t kNoColumn = ~std::size_t{0};
  /// Whether the view and columns have all that is asked for.
  bool in_columns() const { return !details && !bytes && !sets_seen; }
};

/// `items` outlives the plan.
FetchPlan make_plan(const std::vector<FetchItem>& items, bool uid, bool read_only);

/// The range of the message that holds all sections of the plan; `parts` may be null if the plan needs none.
mime::ByteRange needed_range(const FetchPlan& plan, const mime::Part* parts, std::size_t size);

/// BODY[...], RFC822 and their like as the section they are. Only for items with bytes.
mime::Section section_of(const FetchItem& item);

}  // namespace quartet::imapd
