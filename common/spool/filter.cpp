#include "common/spool/filter.h"

#include <algorithm>

#include "common/mime/idna.h"
#include "common/spool/query.h"

namespace quartet::spool {

bool Filter::empty() const {
  return ids.empty() && recipient_ids.empty() && !sender && !sender_domain && !recipient && recipient_domains.empty() &&
         states.empty() && !received_from && !received_before && !next_attempt_from && !next_attempt_before &&
         !last_code && !attempts_from && !auth_id && !trace_id && !rule;
}

std::string held_by(std::string_view rule, std::string_view reason) {
  auto text = "held by rule " + std::string(rule);
  if (!reason.empty()) text.append(": ").append(reason);
  return text;
}

bool is_held_by(std::string_view text, std::string_view rule) {
  const auto prefix = held_by(rule, {});
  return text.starts_with(prefix) && (text.size() == prefix.size() || text[prefix.size()] == ':');
}

bool has_sender(const Filter& filter, std::string_view reverse_path) {
  if (filter.sender && !address_matches(reverse_path, *filter.sender)) return false;
  return !filter.sender_domain || domain_matches(mime::domain_of(reverse_path), *filter.sender_domain);
}

bool has_recipient(const Filter& filter, std::string_view address) {
  if (filter.recipient && !address_matches(address, *filter.recipient)) return false;
  if (filter.recipient_domains.empty()) return true;
  const auto domain = mime::domain_of(address);
  const auto is_of = [&domain](const std::string& wanted) { return domain_matches(domain, wanted); };
  return std::ranges::any_of(filter.recipient_domains, is_of);
}

bool matches(const Filter& filter, const Claim& claim) {
  const auto& message = *claim.message;
  const auto& envelope = message.envelope;
  const auto is_one_of = [](const auto& wanted, const auto& value) {
    return wanted.empty() || std::ranges::find(wanted, value) != wanted.end();
  };
  if (!is_one_of(filter.ids, message.id) || !is_one_of(filter.recipient_ids, claim.id())) return false;
  if (!filter.states.empty() || filter.rule || filter.next_attempt_from || filter.next_attempt_before) return false;
  if (!in_range(envelope.received, filter.received_from, filter.received_before)) return false;
  if (filter.last_code && claim.last.code != *filter.last_code) return false;
  if (filter.attempts_from && claim.attempts < *filter.attempts_from) return false;
  if (!has_sender(filter, envelope.reverse_path) || !has_recipient(filter, claim.address)) return false;
  return (!filter.auth_id || envelope.auth_id == *filter.auth_id) &&
         (!filter.trace_id || envelope.trace_id == *filter.trace_id);
}

}  // namespace quartet::spool
