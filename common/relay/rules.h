// Standing rules: what an operator wants done with certain mail for a time, with what is queued and with what comes.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"
#include "common/relay/rate.h"
#include "common/relay/site.h"
#include "common/spool/query.h"

namespace quartet::relay {

struct Rule {
  enum class Kind : std::uint8_t {
    kHold = 1,  // until the rule ends, or an operator releases it after that
    kBounce,    // with `reply`
    kDrop,      // without a notice
    kReroute,   // to `next_hop`, as long as the rule lasts
    kThrottle,  // attempts at `rate`
  };
  std::string id;
  Kind kind = Kind::kHold;
  spool::Filter filter;  // of what spool::matches(Claim) looks at, except for times
  std::optional<std::chrono::microseconds> older_than, newer_than;  // age of the message, at least and less than
  WallTime since{};
  WallTime until{};
  std::string selector;  // the same as whoever made the rule said it; nothing looks into it here
  std::string reason;
  std::string who;
  spool::Reply reply;         // kBounce
  std::string next_hop;       // kReroute
  Rate rate;                  // kThrottle
  bool ending = false;        // applies no more; what it held is to be released
  std::uint64_t matches = 0;  // how often it was applied to a recipient that was about to be tried
};

bool matches(const Rule& rule, const spool::Claim& claim, WallTime now);

std::string encode_rules(const std::vector<Rule>& rules);
/// nullopt if the bytes are not whole rules.
std::optional<std::vector<Rule>> decode_rules(std::string_view bytes);

/// Any thread, where nothing else is said. A change is on disk before it counts, so a rule holds over a restart; how
/// often it was applied is written now and then.
class Rules {
 public:
  /// Reads what is kept in `directory`; empty: nothing is kept anywhere. A file that cannot be understood is logged and
  /// passed over.
  explicit Rules(std::filesystem::path directory);

  /// An error is one line for the operator; then nothing was changed.
  std::expected<void, std::string> add(Rule rule);
  /// It applies no more. Stays as one that is ending, until forget(); again if it is ending already. nullopt: there is
  /// no such rule.
  std::expected<std::optional<Rule>, std::string> end(std::string_view id);
  std::expected<void, std::string> forget(std::string_view id);

  /// In the order of their creation.
  std::vector<Rule> list() const;

  /// Whether any applies; costs nothing.
  bool any() const { return any_; }
  /// When the next one ends by itself, or has to be ended now as an agent before did not come to it.
  bool any_ended(WallTime now) const { return to_micros(now) >= next_end_; }
  WallTime next_end() const { return from_micros(next_end_); }
  /// Ends those whose time is over, and gives them, together with those that an agent before left ending: their ends
  /// are the caller's to see to. One that the disk does not let end comes again a while later.
  std::vector<Rule> take_ended(WallTime now);

  /// The first that applies to a recipient, in the order of their creation; counts it. Rules that throttle are passed
  /// over unless `throttle`.
  std::optional<Rule> match(const spool::Claim& claim, WallTime now, bool throttle);
  /// For a rule that throttles: until when a recipient has to wait; nullopt: it may go now.
  std::optional<SteadyTime> wait_for(std::string_view id, SteadyTime now);

  /// Writes the counts, if they have changed.
  void save_counts();

 private:
  struct Entry {
    Rule rule;
    TokenBucket bucket;
    Turns turns;
  };
  std::expected<void, std::string> save(const std::vector<Rule>& rules) const;
  std::expected<void, std::string> change(std::string_view id, bool forget);
  void note_any();
  Entry* find(std::string_view id);

  const std::filesystem::path directory_;
  std::mutex changing_;  // one change at a time; held while the file is written
  mutable std::mutex mutex_;
  std::vector<Entry> table_;
  std::vector<std::string> left_ending_;  // by an agent before
  std::uint64_t counted_ = 0;             // matches that the file does not have
  std::atomic<bool> any_ = false;
  std::atomic<std::int64_t> next_end_;
};

}  // namespace quartet::relay
