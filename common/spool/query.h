// Asking the spool: filters, listing in pages, counting, operations on what matches.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/spool/message.h"

namespace quartet::spool {

/// Recipients for which every given condition holds; an empty filter matches all. Addresses and domains are compared
/// without regard to ASCII case. Ranges include their first and exclude their second value.
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

  bool empty() const;
};

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

/// What an operation did. Recipients that are being delivered right now cannot be changed; a hold or drop takes effect
/// when they come back deferred, all else does not touch them.
struct Affected {
  std::uint64_t changed = 0;
  std::uint64_t pending = 0;  // active ones for which the change waits
  std::uint64_t skipped = 0;  // matched, but active or already as wished
};

}  // namespace quartet::spool
