// Policies on disk, one file a domain: a policy holds for weeks, and a restart must not open the door that it closes.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "common/base/time.h"
#include "common/sts/policy.h"

namespace quartet::sts {

struct Entry {
  std::string id;
  WallTime fetched{};
  std::string text;  // as it came
  Policy policy;     // what it says

  bool live(WallTime now) const { return fetched <= now && now - fetched < policy.max_age; }
};

/// Blocks: for a thread pool. Any thread; of two writers for one domain the last wins.
class Store {
 public:
  explicit Store(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// `domain` is a canonical name. What cannot be read or understood is as if it were not there.
  std::optional<Entry> load(const std::string& domain) const;
  /// False if it could not be written; the directory is made if it is missing.
  bool save(const std::string& domain, const Entry& entry) const;

 private:
  std::filesystem::path directory_;
};

}  // namespace quartet::sts
