// Whether a message is what a SEARCH looks for. Asked first with what the view knows, then with the cached header, then
// with the whole message, so that only those messages are read that nothing cheaper decides.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/mime/digest.h"
#include "common/store/snapshot.h"
#include "imapd/column_cache.h"
#include "imapd/numbers.h"
#include "imapd/proto/search_key.h"
#include "imapd/text_filter.h"
#include "imapd/text_match.h"

namespace quartet::imapd {

enum class Truth { kNo, kYes, kUnknown };

/// A mailbox as SEARCH looks at it.
struct Searched {
  store::SnapshotPtr view;
  store::UidSet recent{};  // what is \Recent to the session
  store::UidSet saved{};   // what "$" stands for
};
Searched searched(const Selected& selected);

struct Candidate {
  std::size_t position = 0;
  const store::Entry* entry = nullptr;
  const store::MessageDetails* details = nullptr;  // null: not fetched
  const mime::StoredHeaders* headers = nullptr;    // null: not fetched
  MessageText* text = nullptr;                     // null: not read
  /// Of each of Matcher::columns(); null data: nothing is kept of it. Null: not fetched.
  const std::string_view* columns = nullptr;
  const TextFilter* filter = nullptr;  // of Matcher::texts(); null: the index was not asked
};

class Matcher {
 public:
  /// `key` outlives the matcher.
  Matcher(const Searched& mailbox, const SearchKey& key);

  /// Never kUnknown once the text is given, and the details where they are used. Any thread.
  Truth match(const Candidate& candidate) const { return match(root_, candidate); }
  /// How relevant a message is that matches, 1 to 100, by what of the key is FUZZY (RFC 6203 section 4); nullopt where
  /// match() may be kUnknown.
  std::optional<int> relevancy(const Candidate& candidate) const;
  /// How many keys a message is held against.
  std::size_t size() const { return size_; }
  /// Whether details are needed to decide.
  bool uses_details() const { return uses_details_; }
  /// What decides about header fields; to be asked for before headers are.
  const std::vector<Column>& columns() const { return columns_; }
  /// Whether cached headers can decide anything that columns cannot.
  bool uses_headers() const { return uses_headers_; }
  /// What messages are looked through for, as Needle::mapped(): a message without one of them need not be read for it.
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  /// A key with what is worked out once.
  struct Node {
    const SearchKey* key = nullptr;
    std::vector<Node> children;
    Needle needle;
    FuzzyNeedle fuzzy_needle;
    std::optional<std::size_t> column;   // of a field that has one
    bool fuzzy = false;                  // below FUZZY, and below no NOT in it
    Positions positions;                 // of kSequence and kUid
    std::size_t text = ~std::size_t{0};  // which of texts_ is looked for; none by default
    std::uint64_t bits = 0;              // of flags
  };

  /// The place in columns_.
  std::size_t column_for(std::size_t stored_field);
  Node compile(const Searched& mailbox, const SearchKey& key, bool fuzzy);
  Truth match(const Node& node, const Candidate& candidate) const;
  Truth match_all(const Node& node, const Candidate& candidate) const;
  Truth match_any(const Node& node, const Candidate& candidate) const;
  Truth match_header(const Node& node, const Candidate& candidate) const;
  /// As long as the text is not read.
  static Truth not_read(const Node& node, const Candidate& candidate);
  Truth match_date(const Node& node, const Candidate& candidate) const;
  /// Of keys that FUZZY changes: how well the message fits, 1 to 100, 0 if it does not match; nullopt: not known yet.
  static std::optional<int> rate(const Node& node, const Candidate& candidate);
  static bool is_rated(SearchKey::Kind kind);
  /// The same of any key that is FUZZY, or has FUZZY keys below; 0 of others, which say nothing of how relevant it is.
  std::optional<int> score(const Node& node, const Candidate& candidate) const;
  std::optional<int> score_of_children(const Node& node, const Candidate& candidate) const;
  static Truth match_details(const Node& node, const Candidate& candidate);

  std::size_t size_ = 0;
  Node root_;
  std::vector<Column> columns_;
  bool uses_details_ = false;
  bool uses_headers_ = false;
  std::vector<std::string> texts_;
  store::UidSet recent_;
  WallTime now_ = wall_now();
};

}  // namespace quartet::imapd
