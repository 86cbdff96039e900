// What SEARCH looks for: search-key of RFC 9051 section 9, with the keys that RFC 3501 had besides (RECENT, NEW, OLD),
// MODSEQ (RFC 7162), UIDAFTER and UIDBEFORE (RFC 9738), OLDER and YOUNGER (RFC 5032), SAVEDBEFORE and its like (RFC
// 8514), EMAILID and THREADID (RFC 8474), FUZZY (RFC 6203), FILTER (RFC 5466).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "imapd/proto/sequence_set.h"

namespace quartet::imapd {

struct SearchKey {
  enum class Kind : std::uint8_t {
    kAll,
    kAnd,    // children, at least two
    kOr,     // two children
    kNot,    // one child; UNSEEN and its like are kNot of kSeen
    kFuzzy,  // one child
    kSequence,
    kUid,
    kAnswered,
    kDeleted,
    kDraft,
    kFlagged,
    kRecent,  // NEW is AND (RECENT, NOT SEEN), OLD is NOT RECENT
    kSeen,
    kKeyword,  // text; UNKEYWORD is kNot of it
    kBcc,
    kBody,
    kCc,
    kFrom,
    kSubject,
    kText,
    kTo,
    kHeader,  // name, text; an empty text: the field exists
    kBefore,  // day
    kOn,
    kSince,
    kSentBefore,
    kSentOn,
    kSentSince,
    kSavedBefore,
    kSavedOn,
    kSavedSince,
    kSaveDateSupported,
    kLarger,  // number
    kSmaller,
    kOlder,  // number, in seconds
    kYounger,
    kModSeq,    // number; entry name and type are parsed and dropped: all flags share one mod-sequence
    kEmailId,   // text
    kThreadId,  // text
    kFilter,    // text: its name
  };
  static constexpr int kMaxDepth = 32;
  static constexpr std::size_t kMaxKeys = 1024;  // in one command

  Kind kind = Kind::kAll;
  std::vector<SearchKey> children;
  SequenceSet set;
  std::string name;  // of kHeader
  std::string text;  // UTF-8, whatever the CHARSET was
  std::uint64_t number = 0;
  std::int64_t day = 0;  // days since 1970-01-01

  friend bool operator==(const SearchKey&, const SearchKey&) = default;
};

/// Whether some key in the tree is of the kind.
bool uses(const SearchKey& tree, SearchKey::Kind kind);
/// The tree in IMAP's words, for logs and tests: "(OR (SEEN) (NOT (FROM \"x\")))".
std::string to_string(const SearchKey& tree);

}  // namespace quartet::imapd
