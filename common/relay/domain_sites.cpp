#include "common/relay/domain_sites.h"

namespace quartet::relay {
namespace {

constexpr std::size_t kMost = 100'000;

}  // namespace

void DomainSites::set(const std::string& domain, const std::string& site) {
  const std::lock_guard lock(mutex_);
  if (sites_.size() >= kMost && !sites_.contains(domain)) sites_.clear();
  sites_.insert_or_assign(domain, site);
}

std::string DomainSites::find(std::string_view domain) const {
  const std::lock_guard lock(mutex_);
  const auto found = sites_.find(domain);
  return found == sites_.end() ? std::string() : found->second;
}

void DomainSites::clear() {
  const std::lock_guard lock(mutex_);
  sites_.clear();
}

}  // namespace quartet::relay
