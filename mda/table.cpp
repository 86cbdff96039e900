#include "mda/table.h"

#include <algorithm>

#include "common/mime/idna.h"
#include "common/relay/route.h"

namespace quartet::mda {

DeliveryTable::DeliveryTable(std::vector<Delivery> deliveries, bool detail_to_mailbox)
    : detail_to_mailbox_(detail_to_mailbox), entries_(std::move(deliveries)) {
  for (std::size_t i = 0; i < entries_.size(); ++i) by_match_.emplace(mime::ascii_address(entries_[i].match), i);
}

const Delivery* DeliveryTable::find(const std::vector<std::string>& names) const {
  std::size_t first = entries_.size();
  for (const auto& name : names) {
    if (const auto found = by_match_.find(mime::ascii_address(name)); found != by_match_.end())
      first = std::min(first, found->second);
  }
  return first == entries_.size() ? nullptr : &entries_[first];
}

std::optional<std::string> shadowed_by(const std::vector<Delivery>& earlier, const std::string& match) {
  const auto domain = mime::domain_of(match);
  for (const auto& delivery : earlier) {
    if (delivery.match == match || delivery.match == domain) return delivery.match;
  }
  return std::nullopt;
}

}  // namespace quartet::mda
