// Whether a message is what a SEARCH looks for. Asked first with what the view knows, then with the cached header, then
// with the whole message, so that only those messages are read that nothing cheaper decides.
#pragma once
#include <expected>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/mime/digest.h"
#include "common/store/snapshot.h"
#include "imapd/numbers.h"
#include "imapd/proto/search_key.h"
#include "imapd/text_match.h"

namespace quartet::imapd {

enum class Truth { kNo, kYes, kUnknown };

struct Candidate {
  std::size_t position = 0;
  const store::Entry* entry = nullptr;
  const store::MessageDetails* details = nullptr;  // null: not fetched
  const mime::StoredHeaders* headers = nullptr;    // null: not fetched
  MessageText* text = nullptr;                     // null: not read
};

class Matcher {
 public:
  /// The error is the reply to the SEARCH. `key` outlives the matcher.
  static std::expected<Matcher, Reply> make(const Selected& selected, const SearchKey& key);

  /// Never kUnknown once the text is given, and the details where they are used. Any thread.
  Truth match(const Candidate& candidate) const { return match(root_, candidate); }
  /// Whether details are needed to decide.
  bool uses_details() const { return uses_details_; }
  /// Whether cached headers can decide anything.
  bool uses_headers() const { return uses_headers_; }

 private:
  /// A key with what is worked out once.
  struct Node {
    const SearchKey* key = nullptr;
    std::vector<Node> children;
    Needle needle;
    Positions positions;     // of kSequence and kUid
    std::uint64_t bits = 0;  // of flags
  };

  std::expected<Node, Reply> compile(const Selected& selected, const SearchKey& key);
  Truth match(const Node& node, const Candidate& candidate) const;
  Truth match_all(const Node& node, const Candidate& candidate) const;
  Truth match_any(const Node& node, const Candidate& candidate) const;
  Truth match_header(const Node& node, const Candidate& candidate) const;
  Truth match_date(const Node& node, const Candidate& candidate) const;
  static Truth match_details(const Node& node, const Candidate& candidate);

  Node root_;
  bool uses_details_ = false;
  bool uses_headers_ = false;
  store::UidSet recent_;
  WallTime now_ = wall_now();
};

}  // namespace quartet::imapd
