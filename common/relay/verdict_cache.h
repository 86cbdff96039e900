// What next hops said of recipients, remembered for a time. Pure: the clock is the caller's.
#pragma once
#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/time.h"
#include "common/spool/message.h"

namespace quartet::relay {

/// Whether the next hop of a recipient would take mail for it.
struct Verdict {
  enum class Kind {
    kAccepted,
    kRefused,  // for good: mail for it would bounce
    kUnknown,  // nobody could be asked, or the answer was 4yz
  };
  Kind kind = Kind::kUnknown;
  spool::Reply reply;  // what the next hop said, or why nobody was asked
};

/// Holds a bounded number: the one that nobody wanted for the longest time goes first.
class VerdictCache {
 public:
  explicit VerdictCache(std::size_t most) : most_(most) {}

  /// Null if there is none that still counts; valid until the next call.
  const Verdict* find(std::string_view key, SteadyTime now);
  void put(std::string key, Verdict verdict, SteadyTime until);
  std::size_t size() const { return order_.size(); }

 private:
  struct Entry {
    std::string key;
    Verdict verdict;
    SteadyTime until;
  };
  void erase(std::list<Entry>::iterator entry);

  std::size_t most_;
  std::list<Entry> order_;  // the last used first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;
};

}  // namespace quartet::relay
