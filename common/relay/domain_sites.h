// At which site the mail of domains is, as far as MX records were looked up. Any thread.
#pragma once
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/ascii.h"

namespace quartet::relay {

class DomainSites {
 public:
  /// At most 100,000 are remembered; beyond that it begins anew.
  void set(const std::string& domain, const std::string& site);
  /// Empty: not known.
  std::string find(std::string_view domain) const;
  void clear();

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::string, ascii::Hash, std::equal_to<>> sites_;
};

}  // namespace quartet::relay
