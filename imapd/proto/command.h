// A parsed IMAP command: RFC 9051 section 6, RFC 3501 section 6 and the extensions named below. All names of mailboxes
// are UTF-8 here, "INBOX" in capitals; see ParseOptions for what they are on the wire.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/mime/date.h"
#include "imapd/proto/fetch_item.h"
#include "imapd/proto/search_key.h"
#include "imapd/proto/sequence_set.h"

namespace quartet::imapd {

/// CAPABILITY NOOP LOGOUT STARTTLS CHECK CLOSE UNSELECT NAMESPACE IDLE UNAUTHENTICATE: Command::name says which.
struct NoArguments {};

struct Login {
  std::string user;
  std::string password;
};

struct Authenticate {
  std::string mechanism;                // upper case
  std::optional<std::string> response;  // SASL-IR (RFC 4959): base64 as sent; "=" came as ""
};

struct Id {  // RFC 2971
  std::vector<std::pair<std::string, std::optional<std::string>>> fields;
};

struct Compress {         // RFC 4978
  std::string mechanism;  // upper case
};

struct Enable {
  std::vector<std::string> capabilities;  // upper case
};

/// QRESYNC of SELECT, RFC 7162 section 3.2.5.
struct Qresync {
  std::uint32_t uidvalidity = 0;
  std::uint64_t modseq = 0;
  std::optional<SequenceSet> known_uids;
  std::optional<std::pair<SequenceSet, SequenceSet>> known_pairs;  // sequence numbers, UIDs
};

struct Select {
  std::string mailbox;
  bool examine = false;
  bool condstore = false;
  std::optional<Qresync> qresync;
};

struct Create {
  std::string mailbox;                   // a separator at the end is kept
  std::vector<std::string> special_use;  // CREATE-SPECIAL-USE (RFC 6154): "\\Sent"
};
struct Delete {
  std::string mailbox;
};
struct Rename {
  std::string from;
  std::string to;
};
struct Subscribe {
  std::string mailbox;
};
struct Unsubscribe {
  std::string mailbox;
};

enum class StatusItem : std::uint8_t {
  kMessages,
  kRecent,
  kUidNext,
  kUidValidity,
  kUnseen,
  kDeleted,         // RFC 9051
  kSize,            // RFC 8438
  kHighestModSeq,   // RFC 7162
  kMailboxId,       // RFC 8474
  kAppendLimit,     // RFC 7889
  kDeletedStorage,  // RFC 9208
};
/// "MESSAGES" and so on, as in STATUS commands and responses.
std::string_view to_string(StatusItem item);

/// LIST and LSUB, with LIST-EXTENDED (RFC 5258), SPECIAL-USE (RFC 6154) and LIST-STATUS (RFC 5819).
struct List {
  std::string reference;
  std::vector<std::string> patterns;
  bool lsub = false;
  bool extended = false;  // options, several patterns or RETURN were given
  bool select_subscribed = false;
  bool select_remote = false;
  bool select_recursive_match = false;
  bool select_special_use = false;
  bool return_subscribed = false;
  bool return_children = false;
  bool return_special_use = false;
  bool return_my_rights = false;             // LIST-MYRIGHTS (RFC 8440)
  std::vector<std::string> return_metadata;  // LIST-METADATA (RFC 9590)
  std::vector<StatusItem> return_status;
};

struct Status {
  std::string mailbox;
  std::vector<StatusItem> items;
};

/// What a message of APPEND or REPLACE is made of (RFC 4469).
struct CatenatePart {
  std::string text;                // of TEXT and UTF8
  std::optional<std::string> url;  // as sent, instead of the text
};

struct AppendItem {
  std::vector<std::string> flags;  // as in Store
  std::optional<mime::Date> date;
  std::string message;
  bool binary = false;              // literal8
  bool utf8 = false;                // UTF8 (~{n}), RFC 9755 section 4; also of a part
  std::vector<CatenatePart> parts;  // CATENATE: what to put into `message`
};
struct Append {
  std::string mailbox;
  std::vector<AppendItem> items;  // several: MULTIAPPEND (RFC 3502)
};

struct Replace {        // RFC 8508
  SequenceSet message;  // one number, or "*"
  std::string mailbox;
  AppendItem item;
};

/// PARTIAL of RFC 9394: the first to the last of a result, counted from 1, or with a minus sign from its end.
struct PartialRange {
  std::uint32_t first = 1;
  std::uint32_t last = 1;  // not below first
  bool from_end = false;
  friend bool operator==(const PartialRange&, const PartialRange&) = default;
};

struct Fetch {
  SequenceSet set;
  std::vector<FetchItem> items;  // macros expanded
  std::optional<std::uint64_t> changed_since;
  bool vanished = false;                // UID FETCH with CHANGEDSINCE only
  std::optional<PartialRange> partial;  // UID FETCH only (RFC 9394)
};

struct Store {
  enum class Mode : std::uint8_t { kReplace, kAdd, kRemove };
  SequenceSet set;
  Mode mode = Mode::kReplace;
  bool silent = false;
  std::vector<std::string> flags;  // "\\Seen" and so on in this spelling; keywords as sent; none twice
  std::optional<std::uint64_t> unchanged_since;
};

struct Copy {
  SequenceSet set;
  std::string mailbox;
};
struct Move {  // RFC 6851
  SequenceSet set;
  std::string mailbox;
};

/// RETURN of SEARCH and SORT: RFC 4731, RFC 5182 (SAVE), RFC 9394 (PARTIAL), RFC 6203 (RELEVANCY), RFC 5267 (UPDATE;
/// CONTEXT is parsed and dropped: it is a hint).
struct ResultOptions {
  bool given = false;  // the answer is ESEARCH
  bool min = false;
  bool max = false;
  bool all = false;  // also for "RETURN ()"
  bool count = false;
  bool save = false;
  bool relevancy = false;
  bool update = false;
  std::vector<FetchItem> update_items;  // of messages that come into the result (RFC 5465 section 7)
  std::optional<PartialRange> partial;  // never with `all`
};

struct Search {
  SearchKey key;
  std::string charset;  // upper case; "" if none was named
  ResultOptions results;
};

/// Which mailboxes a command is about: filter-mailboxes of RFC 5465 section 6, with subtree-one of RFC 7377.
struct MailboxFilter {
  enum class Kind : std::uint8_t {
    kSelected,
    kSelectedDelayed,
    kInboxes,  // where mail is delivered to
    kPersonal,
    kSubscribed,
    kSubtree,     // of `mailboxes`, themselves included
    kSubtreeOne,  // the same, one level down only
    kMailboxes,   // `mailboxes`
  };
  Kind kind = Kind::kSelected;
  std::vector<std::string> mailboxes;
};

struct MultiSearch {                   // ESEARCH, RFC 7377
  std::vector<MailboxFilter> sources;  // empty: the selected mailbox
  Search search;
};

struct Notify {  // RFC 5465
  /// Which events of which mailboxes the client wants to be told of.
  struct Group {
    MailboxFilter filter;
    bool messages = false;  // MessageNew and MessageExpunge, which go together
    bool flags = false;     // FlagChange
    bool names = false;     // MailboxName
    bool subscriptions = false;
    bool metadata = false;         // of the mailboxes
    bool server_metadata = false;  // of the server
    std::vector<FetchItem> items;  // of new messages in the selected mailbox
  };
  bool status = false;        // STATUS of each mailbox to begin with
  bool unsupported = false;   // an event was named that there is not
  std::vector<Group> groups;  // empty: NONE
};

struct SortCriterion {  // RFC 5256 section 3, RFC 5957, RFC 6203
  enum class Kind : std::uint8_t {
    kArrival,
    kCc,
    kDate,
    kDisplayFrom,
    kDisplayTo,
    kFrom,
    kRelevancy,
    kSize,
    kSubject,
    kTo,
  };
  Kind kind = Kind::kArrival;
  bool reverse = false;
  friend bool operator==(const SortCriterion&, const SortCriterion&) = default;
};

struct Sort {
  std::vector<SortCriterion> criteria;  // at least one
  SearchKey key;
  std::string charset;
  ResultOptions results;  // ESORT (RFC 5267)
};

struct Thread {
  enum class Algorithm : std::uint8_t { kOrderedSubject, kReferences };
  Algorithm algorithm = Algorithm::kReferences;
  SearchKey key;
  std::string charset;
};

struct CancelUpdate {  // RFC 5267
  std::vector<std::string> tags;
};

struct Expunge {
  std::optional<SequenceSet> uids;  // UID EXPUNGE
};

struct GetQuota {  // RFC 9208
  std::string root;
};
struct GetQuotaRoot {
  std::string mailbox;
};

enum class RightsMode : std::uint8_t { kReplace, kAdd, kRemove };
struct SetAcl {  // RFC 4314
  std::string mailbox;
  std::string identifier;
  RightsMode mode = RightsMode::kReplace;
  std::string rights;  // letters, as sent
};
struct DeleteAcl {
  std::string mailbox;
  std::string identifier;
};
struct GetAcl {
  std::string mailbox;
};
struct ListRights {
  std::string mailbox;
  std::string identifier;
};
struct MyRights {
  std::string mailbox;
};

struct GetMetadata {                 // RFC 5464
  std::string mailbox;               // "": of the server
  std::vector<std::string> entries;  // as sent
  std::optional<std::uint32_t> max_size;
  std::uint32_t depth = 0;  // levels below each entry; kInfinite for all
  static constexpr std::uint32_t kInfinite = 0xFFFFFFFF;
};
struct SetMetadata {
  std::string mailbox;
  std::vector<std::pair<std::string, std::optional<std::string>>> entries;
};

using Arguments = std::variant<NoArguments, Login, Authenticate, Id, Compress, Enable, Select, Create, Delete, Rename,
                               Subscribe, Unsubscribe, List, Status, Append, Fetch, Store, Copy, Move, Search, Sort,
                               Thread, Expunge, GetQuota, GetQuotaRoot, SetAcl, DeleteAcl, GetAcl, ListRights, MyRights,
                               GetMetadata, SetMetadata, Replace, CancelUpdate, MultiSearch, Notify>;

/// Whether a search is asked to keep its result for "$" (RFC 5182).
bool saves_result(const Arguments& arguments);

struct Command {
  std::string tag;
  std::string name;  // upper case, without UID: "FETCH" for "UID FETCH"
  bool uid = false;
  Arguments arguments;
};

}  // namespace quartet::imapd
