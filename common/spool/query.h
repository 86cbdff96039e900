// Asking the spool: filters, listing in pages, counting, operations on what matches.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/spool/handling.h"
#include "common/spool/message.h"

namespace quartet::spool {

/// Recipients for which every given condition holds; an empty filter matches all. Addresses are compared
/// without regard to ASCII case; domains are as mime::ascii_domain() has them. Ranges include their first and exclude
/// their second value.
struct Filter {
  std::vector<MessageId> ids;
  std::vector<RecipientId> recipient_ids;
  std::optional<std::string> sender;  // "": the null sender
  std::optional<std::string> sender_domain;
  std::optional<std::string> recipient;
  std::vector<std::string> recipient_domains;  // any of them; ".x.org" means every domain below x.org
  std::vector<State> states;                   // any of them
  std::optional<WallTime> received_from, received_before;
  std::optional<WallTime> next_attempt_from, next_attempt_before;
  std::optional<std::uint16_t> last_code;
  std::optional<std::uint16_t> attempts_from;
  std::optional<std::string> auth_id;
  std::optional<std::string> trace_id;
  std::optional<std::string> rule;  // held by this standing rule: the text of the last reply is of held_by()

  bool empty() const;
};

/// Of a recipient that is active; what is said of states, due times and rules does not match it.
bool matches(const Filter& filter, const Claim& claim);

/// The text of the last reply of recipients that a standing rule holds; empty reason: none.
std::string held_by(std::string_view rule, std::string_view reason);

/// One recipient as a listing shows it.
struct Entry {
  RecipientId id;
  State state = State::kQueued;
  std::string reverse_path;
  std::string address;
  std::uint64_t size = 0;
  WallTime received{};
  WallTime next_attempt{};
  std::uint16_t attempts = 0;
  bool bounce = false;          // see Claim
  bool delay_notified = false;  // see Claim
  std::uint8_t notify = kNotifyDefault;
  std::string orcpt;
  std::string next_hop;  // see Claim
  Reply last;
  std::string auth_id;
  std::string client;
  std::string trace_id;
};

/// Entries in order of message id (so of time of acceptance) and ordinal. An entry that is there during the whole
/// listing is listed exactly once, whatever changes meanwhile.
struct Page {
  std::vector<Entry> entries;
  std::string next;  // token for the following page; empty: that was the last
};

struct Counts {
  std::uint64_t messages = 0;
  std::array<std::uint64_t, kStates> recipients{};  // by State
  std::uint64_t body_bytes = 0;
  std::uint64_t total_recipients() const {
    std::uint64_t sum = 0;
    for (const auto n : recipients) sum += n;
    return sum;
  }
};

struct DomainCount {
  std::string domain;
  std::uint64_t recipients = 0;
};

/// How old the mail of each group is.
struct Shape {
  enum class By : std::uint8_t { kRecipientDomain, kSender, kSenderDomain, kLastCode };
  /// Recipients whose message is younger than the first limit, the second, ...; in the last one the others.
  static constexpr std::array<std::chrono::minutes, 9> kLimits{
      std::chrono::minutes(5),   std::chrono::minutes(10),  std::chrono::minutes(20),
      std::chrono::minutes(40),  std::chrono::minutes(80),  std::chrono::minutes(160),
      std::chrono::minutes(320), std::chrono::minutes(640), std::chrono::minutes(1280)};
  using Ages = std::array<std::uint64_t, kLimits.size() + 1>;

  struct Group {
    std::string name;  // a domain in lower case, a reverse-path, a reply code
    Ages ages{};
    std::uint64_t recipients = 0;
  };
  Group total;
  std::vector<Group> groups;  // those with the most recipients, most first
  std::uint64_t all_groups = 0;
};

/// What operators may want of recipients.
enum class Verb : std::uint8_t {
  kHold,        // keep until it is released
  kRelease,     // held ones become due at once
  kRetry,       // due at once
  kReschedule,  // due at Order::due, or Order::later than now said
  kDrop,        // remove without notice
  kBounce,      // due at once, to fail with Order::reply: whoever claims it tells the sender and records the end
  kExpire,      // as kBounce, but as if the lifetime were over: the last reply stays, with the status 4.4.7
  kReroute,     // to Order::next_hop from now on; due at once unless held
  kPriority,    // the whole message: Order::priority from the next attempt on
  kTls,         // the whole message: Order::tls from the next attempt on
};

/// Whether the verb changes what all recipients of a message share: it does if one of them matches, and those under
/// delivery go on as they are.
constexpr bool concerns_message(Verb verb) { return verb == Verb::kPriority || verb == Verb::kTls; }

struct Order {
  Verb verb = Verb::kRetry;
  std::string reason = {};  // kHold, kDrop: text of the last reply from now on, unless it is empty; kExpire: if nothing
                            // was said yet
  WallTime due{};           // kReschedule
  std::chrono::microseconds later{};  // kReschedule, if `due` is unset: from when each is due now; may be negative
  Reply reply = {};                   // kBounce
  std::string next_hop = {};          // kReroute; empty: as the tables say again
  std::int8_t priority = 0;           // kPriority; RFC 6710, -9 to 9
  TlsWish tls = TlsWish::kDefault;    // kTls
  bool held_too = false;              // kExpire: those on hold, too
};

/// What an operation did. Recipients that are being delivered right now cannot be changed; a hold, drop, bounce,
/// expiry or reroute takes effect when they come back undelivered, and after a crash with the next start, and so does
/// what concerns the whole message; all else does not touch them.
struct Affected {
  std::uint64_t changed = 0;
  std::uint64_t pending = 0;  // active ones for which the change waits
  std::uint64_t skipped = 0;  // matched, but active or already as wished
  Affected& operator+=(const Affected& more) {
    changed += more.changed;
    pending += more.pending;
    skipped += more.skipped;
    return *this;
  }
};

}  // namespace quartet::spool
