// The words of the mailbox store: errors, references to mailboxes, flags, sets of UIDs, and what its calls take and
// give.
#pragma once
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/time.h"

namespace quartet::store {

enum class ErrorCode {
  kNoMailbox,        // NO [NONEXISTENT]; also: renamed or deleted since the reference was taken
  kNoSelect,         // the name exists only as a parent of others
  kExists,           // NO [ALREADYEXISTS]
  kHasChildren,      // deletion of a name that is \Noselect already and has children
  kInvalidName,      // not UTF-8, control characters, empty or too long components
  kCannot,           // NO [CANNOT]: INBOX cannot be deleted and the like
  kNoMessage,        // the message was expunged and its bytes have been released
  kOverQuota,        // NO [OVERQUOTA], 452 4.2.2 / 552 5.2.2 as the site decides
  kTooManyKeywords,  // NO [LIMIT]: an account has at most kMaxKeywords different keywords
  kTooLarge,         // a message of 4 GiB or more, or UIDs used up
  kBusy,             // locked by another process for longer than the busy time-out; try again
  kIo,               // disk full or failing; try again
  kCorrupt,          // what is stored contradicts itself; an operator must look
  kClosed,           // the store is shutting down
  kUnsupported,      // this engine cannot do it: said in `detail`
  kMoving,           // the account is just being moved to another store: try again
  kMoved,            // the account is in another store, named in `detail`; what was known of its mailboxes is void
};

struct StoreError {
  ErrorCode code = ErrorCode::kIo;
  std::string detail;  // for the log, never for a peer
};

/// True when a later try may succeed: reply 4yz or NO without a permanent code.
bool is_transient(ErrorCode code);
/// "over quota" and the like, for logs.
std::string_view to_string(ErrorCode code);

template <typename T>
using Result = std::expected<T, StoreError>;

/// Names one mailbox incarnation: a value to keep while a session has the mailbox open. It survives RENAME; after
/// DELETE every call with it gives kNoMailbox. Valid for all Store objects on the same store.
struct MailboxRef {
  std::uint32_t shard = 0;
  std::int64_t account = 0;
  std::int64_t mailbox = 0;
  friend auto operator<=>(const MailboxRef&, const MailboxRef&) = default;
};

/// The bytes of one message within its shard. Stays readable after an expunge while a session may still see it.
using ObjectId = std::int64_t;

/// Flags are one 64-bit word: system flags below, keyword number n of the account at bit kFirstKeywordBit + n.
/// \Recent is not stored; see Store::claim_recent.
namespace flag {
inline constexpr std::uint64_t kSeen = 1;
inline constexpr std::uint64_t kAnswered = 2;
inline constexpr std::uint64_t kFlagged = 4;
inline constexpr std::uint64_t kDeleted = 8;
inline constexpr std::uint64_t kDraft = 16;
inline constexpr std::uint64_t kSystem = 31;
}  // namespace flag
inline constexpr int kFirstKeywordBit = 16;
inline constexpr int kMaxKeywords = 46;  // SQL integers are signed: the two top bits stay clear
inline constexpr std::uint64_t kAllKeywords = ((std::uint64_t{1} << kMaxKeywords) - 1) << kFirstKeywordBit;

/// A set of UIDs as ascending ranges, both ends inclusive. kMaxUid as `last` stands for "*": the highest there is.
struct UidRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  friend bool operator==(const UidRange&, const UidRange&) = default;
};
using UidSet = std::vector<UidRange>;
inline constexpr std::uint32_t kMaxUid = 0xFFFFFFFF;
inline constexpr std::size_t kMaxAnnotations = 1000;  // of one mailbox, or of one account, of all users

struct Status {
  std::uint32_t messages = 0;
  std::uint32_t unseen = 0;
  std::uint32_t deleted = 0;
  std::uint32_t recent = 0;  // what the next claim_recent would give
  std::uint32_t uidnext = 1;
  std::uint32_t uidvalidity = 0;
  std::uint64_t highest_modseq = 1;
  std::uint64_t size = 0;  // RFC 8438, bytes
};

struct QuotaLimit {
  std::uint64_t bytes = 0;     // 0: no limit
  std::uint64_t messages = 0;  // 0: no limit
  bool any() const { return bytes != 0 || messages != 0; }
};

struct QuotaUsage {
  std::uint64_t bytes = 0;
  std::uint64_t messages = 0;
  QuotaLimit limit;
  /// Whether so much more is within the limit.
  bool fits(std::uint64_t more_bytes, std::uint64_t more_messages) const;
};

struct MailboxInfo {
  std::string name;    // UTF-8 NFC, '/' between levels; the inbox is "INBOX"
  MailboxRef ref;      // of no meaning when `exists` is false
  bool exists = true;  // false: only subscribed to, or only a parent of others; then it is also `noselect`
  bool noselect = false;
  bool has_children = false;
  bool subscribed = false;
  std::string special_use;  // "\\Sent", or several separated by one space; "" for none
  std::string id;           // RFC 8474 MAILBOXID, 26 characters
  Status status;            // of mailboxes that can be selected
  QuotaLimit limit;         // of this mailbox alone, beside that of the account
};

/// Where and how to put a message that was received.
struct DeliveryTarget {
  std::string account;
  std::string mailbox = "INBOX";
  bool create_mailbox = false;  // otherwise a missing one is kNoMailbox
  std::uint64_t flags = 0;      // system flags only
  std::vector<std::string> keywords;
};

struct Stored {
  MailboxRef mailbox;
  std::uint32_t uid = 0;
  std::uint32_t uidvalidity = 0;
  std::uint64_t modseq = 0;
};

using Bytes = std::shared_ptr<const std::string>;

/// One message of an APPEND.
struct AppendMessage {
  Bytes bytes;
  std::uint64_t flags = 0;
  std::vector<std::string> keywords;
  std::optional<WallTime> internaldate;  // now, if absent
};

/// Messages no session was told \Recent about; from now on they are the caller's.
struct RecentRange {
  std::uint32_t first = 1;
  std::uint32_t last = 0;  // last < first: none
};

class Snapshot;

struct Appended {
  MailboxRef mailbox;
  std::uint32_t uidvalidity = 0;
  std::vector<std::uint32_t> uids;  // in the order of the messages
  std::uint64_t modseq = 0;
  RecentRange recent;  // if it was asked for
  /// The mailbox at `modseq`, where that was known without reading it; else null.
  std::shared_ptr<const Snapshot> view;
};

struct Copied {
  std::uint32_t uidvalidity = 0;                              // of the destination
  std::vector<std::pair<std::uint32_t, std::uint32_t>> uids;  // source, destination; ascending
  std::uint64_t expunge_modseq = 0;                           // MOVE only: of the source's expunges
};

enum class FlagMode { kReplace, kAdd, kRemove };

struct FlagChange {
  FlagMode mode = FlagMode::kAdd;
  std::uint64_t flags = 0;                       // system flags
  std::vector<std::string> keywords;             // by name; made known when kAdd or kReplace names a new one
  std::optional<std::uint64_t> unchanged_since;  // RFC 7162 section 3.1.3
  std::uint64_t may_change = ~std::uint64_t{0};  // all other flags stay as they are
};

/// One of several changes that are made together.
struct FlagRequest {
  UidSet uids;
  FlagChange change;
};

struct FlagState {
  std::uint32_t uid = 0;
  std::uint64_t flags = 0;
  std::uint64_t modseq = 0;
};

struct FlagsStored {
  std::vector<FlagState> messages;      // all that matched and passed unchanged_since, with their flags now
  std::vector<std::uint32_t> modified;  // failed unchanged_since
  std::uint64_t modseq = 0;             // given to what really changed; 0 if nothing did
};

struct Expunged {
  std::vector<std::uint32_t> uids;  // ascending
  std::uint64_t modseq = 0;         // 0 if there were none
};

/// What happened in a mailbox after a mod-sequence (RFC 7162).
struct Changes {
  std::uint64_t highest_modseq = 1;
  std::vector<FlagState> changed;  // new and changed messages, ascending UID
  UidSet vanished;                 // expunged since, and maybe older ones
  bool complete = true;            // false: the expunge log no longer reaches back; `vanished` is then every UID that
                                   // is not in the mailbox, below uidnext
};

/// What the store keeps of a message that no view holds.
struct MessageDetails {
  std::uint32_t uid = 0;
  std::string email_id;        // RFC 8474 EMAILID, 26 characters; the same for all copies of a message
  std::int64_t save_date = 0;  // RFC 8514: when it came into this mailbox; microseconds, as to_micros gives them
};

/// What was computed at delivery and is stored ready to send or to use; a mask for fetch_cached.
namespace cached {
inline constexpr unsigned kEnvelope = 1;       // RFC 9051 envelope, with its parentheses
inline constexpr unsigned kBody = 2;           // BODY, that is without extension data
inline constexpr unsigned kBodyStructure = 4;  // BODYSTRUCTURE
inline constexpr unsigned kHeaders = 8;        // header fields, as common/mime encodes them
inline constexpr unsigned kParts = 16;         // part table, as common/mime encodes it
inline constexpr unsigned kPreview = 32;       // RFC 8970, UTF-8, at most 200 characters
inline constexpr unsigned kFields = 64;        // kHeaders; where it is of a version without kept fields, made anew
}  // namespace cached

struct CachedItem {
  ObjectId object = 0;
  bool found = false;  // false: released after an expunge
  std::string_view envelope, body, bodystructure, headers, parts, preview;
};

/// Views into one block of memory that the batch owns. Move-only.
class CachedBatch {
 public:
  CachedBatch() = default;
  CachedBatch(std::unique_ptr<char[]> memory, std::vector<CachedItem> items)
      : memory_(std::move(memory)), items_(std::move(items)) {}
  const std::vector<CachedItem>& items() const { return items_; }

 private:
  std::unique_ptr<char[]> memory_;
  std::vector<CachedItem> items_;  // in the order asked for
};

}  // namespace quartet::store
