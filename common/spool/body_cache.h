// Bodies of messages just accepted or just read, up to a number of bytes; the least recently used goes first.
// Not thread-safe.
#pragma once
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "common/base/id.h"

namespace quartet::spool {

class BodyCache {
 public:
  using Body = std::shared_ptr<const std::string>;
  explicit BodyCache(std::size_t limit) : limit_(limit) {}

  void put(Id id, Body body);
  Body get(Id id);
  void erase(Id id);
  std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    Id id;
    Body body;
  };
  std::size_t limit_;
  std::size_t bytes_ = 0;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<Id, std::list<Entry>::iterator, IdHash> by_id_;
};

}  // namespace quartet::spool
