// Answers by question, kept for exactly their TTL; negative ones by the SOA (RFC 2308). Bounded; the least recently
// used goes first. Safe from any thread: the resolvers of all loops share one. It reads no clock.
#pragma once
#include <chrono>
#include <expected>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "common/base/time.h"
#include "common/dns/error.h"
#include "common/dns/message.h"

namespace quartet::dns {

/// What one question gave, with aliases resolved.
struct RecordSet {
  std::string canonical_name;   // the name that holds the records, at the end of all aliases
  std::vector<Record> records;  // of the type asked for, at least one
  bool authentic = false;       // AD from a trusted server, for every step
  SteadyTime expires;
};

/// A positive or negative answer; the negative ones carry their end beside them.
struct Outcome {
  std::expected<std::shared_ptr<const RecordSet>, Error> result;
  SteadyTime expires;
};

class Cache {
 public:
  explicit Cache(std::size_t capacity = 20000) : capacity_(capacity) {}

  std::optional<Outcome> find(const Question& question, SteadyTime now);

  /// Nothing is kept when `outcome.expires` is not after `now` (TTL 0).
  void put(const Question& question, const Outcome& outcome, SteadyTime now);

  void clear();
  std::size_t size() const;

 private:
  struct Entry {
    Question question;
    Outcome outcome;
  };
  struct KeyHash {
    std::size_t operator()(const Question& question) const;
  };

  const std::size_t capacity_;
  mutable std::mutex mutex_;  // guards what follows; held for a look-up only
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<Question, std::list<Entry>::iterator, KeyHash> index_;
};

}  // namespace quartet::dns
