// Destinations that an operator took out of service for a time: mail to them waits in the queue, and is not tried.
// Links that an operator paused are kept in the same way, by their names.
#pragma once
#include <atomic>
#include <expected>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"

namespace quartet::relay {

struct Suspension {
  std::string destination;  // a site by its key, or recipients' domains: "x.org", or ".x.org" for all below it
  WallTime since{};
  WallTime until{};  // kUntilResumed: without an end of its own
  std::string reason;
  std::string who;
};

constexpr WallTime kUntilResumed = WallTime::max();

/// Whether a destination is a site by its key: every key has a colon, and no domain has.
bool names_site(std::string_view destination);

/// Any thread. A change is on disk before it counts, so it holds over a restart until its time is over.
class Suspensions {
 public:
  /// Reads what is kept in `file` of `directory`; empty: nothing is kept anywhere. A file that cannot be understood is
  /// logged and passed over.
  explicit Suspensions(std::filesystem::path directory, std::string file = "suspensions");

  /// Takes the place of an earlier one of the same destination. Gives the domains, as patterns, whose mail that one
  /// withheld: it is to be looked at again. An error is one line for the operator; then nothing was changed.
  std::expected<std::vector<std::string>, std::string> add(Suspension suspension);
  /// The domains whose mail was withheld; nullopt: there is no such suspension.
  std::expected<std::optional<std::vector<std::string>>, std::string> remove(const std::string& destination);

  /// Those that hold at `now`, in the order of their destinations.
  std::vector<Suspension> list(WallTime now) const;
  /// Forgets those whose time is over.
  std::vector<Suspension> take_ended(WallTime now);

  /// Whether there is any at all; costs nothing.
  bool any() const { return any_; }
  bool has_site(const std::string& key, WallTime now) const;
  /// The one of exactly this destination, if it holds at `now`.
  std::optional<Suspension> find(const std::string& destination, WallTime now) const;
  /// Until when mail for `domain` (in lower case) to the site `key` (empty: not known yet) has to wait; nullopt: it may
  /// go. The domain is remembered for the end of the suspension.
  std::optional<WallTime> withhold(const std::string& domain, const std::string& key, WallTime now);

 private:
  struct Entry {
    Suspension suspension;
    std::set<std::string> domains;  // withheld, if it is of a site
  };
  std::expected<void, std::string> save(const std::string& without, const Suspension* with) const;
  static std::vector<std::string> withheld_by(const Entry& entry);

  const std::filesystem::path directory_;
  const std::string file_;
  std::mutex changing_;  // one change at a time; held while the file is written
  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> table_;
  std::atomic<bool> any_ = false;
};

}  // namespace quartet::relay
