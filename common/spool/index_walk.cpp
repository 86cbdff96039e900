// Filters over the index: what matches, and how to get at it without looking at everything.
#include <algorithm>

#include "common/base/ascii.h"
#include "common/mime/idna.h"
#include "common/spool/filter.h"
#include "common/spool/index.h"

namespace quartet::spool {
namespace {

std::string reversed_prefix(std::string_view subtree) {  // "org.x." for ".x.org"
  std::string out;
  for (subtree.remove_prefix(1);;) {
    const auto dot = subtree.rfind('.');
    out += subtree.substr(dot == std::string_view::npos ? 0 : dot + 1);
    out += '.';
    if (dot == std::string_view::npos) return out;
    subtree = subtree.substr(0, dot);
  }
}

}  // namespace

bool Index::matches(const Filter& filter, Slot slot) const {
  const auto& recipient = recipients_[slot];
  const auto& message = messages_[recipient.message];
  if (!filter.states.empty() && std::ranges::find(filter.states, recipient.state) == filter.states.end()) return false;
  if (!filter.ids.empty() && !std::ranges::binary_search(filter.ids, message.id)) return false;
  if (!filter.recipient_ids.empty() &&
      !std::ranges::binary_search(filter.recipient_ids, RecipientId{message.id, recipient.ordinal}))
    return false;
  if (!in_range(from_micros(message.received), filter.received_from, filter.received_before)) return false;
  if (!in_range(from_micros(recipient.due), filter.next_attempt_from, filter.next_attempt_before)) return false;
  if (filter.last_code && recipient.code != *filter.last_code) return false;
  if (filter.attempts_from && recipient.attempts < *filter.attempts_from) return false;
  if (!filter.recipient_domains.empty() && std::ranges::none_of(filter.recipient_domains, [&](const auto& wanted) {
        return domain_matches(domain(slot), wanted);
      }))
    return false;
  if (!has_sender(filter, sender(recipient.message))) return false;
  if (filter.recipient && !address_matches(address(slot), *filter.recipient)) return false;
  if (filter.rule && (recipient.state != State::kHeld || !is_held_by(reply(slot).text, *filter.rule))) return false;
  if (!filter.auth_id && !filter.trace_id) return true;
  const auto envelope = this->envelope(recipient.message);
  return (!filter.auth_id || envelope.auth_id == *filter.auth_id) &&
         (!filter.trace_id || envelope.trace_id == *filter.trace_id);
}

void Index::each_domain(std::string_view wanted, const std::function<void(Slot)>& visitor) const {
  if (!wanted.starts_with('.')) {
    if (const auto domain = domains_.find(wanted); domain != kNoSlot) visitor(domain);
    return;
  }
  const auto prefix = reversed_prefix(wanted);
  for (auto it = reversed_domains_.lower_bound(prefix); it != reversed_domains_.end() && it->first.starts_with(prefix);
       ++it)
    visitor(it->second);
}

void Index::add_domain_recipients(std::string_view wanted, std::vector<Slot>& found) const {
  each_domain(wanted, [&](Slot domain) {
    for (Slot slot = domains_.head(domain); slot != kNoSlot; slot = recipients_[slot].domain_next)
      found.push_back(slot);
  });
}

std::optional<std::vector<Slot>> Index::candidates(const Filter& filter) const {
  std::vector<Slot> found;
  const auto add_message = [&](Slot message) {
    if (message == kNoSlot) return;
    for (Slot slot = messages_[message].first; slot != kNoSlot; slot = recipients_[slot].next) found.push_back(slot);
  };
  if (!filter.ids.empty()) {
    for (const auto& id : filter.ids) add_message(find(id));
  } else if (!filter.recipient_ids.empty()) {
    for (const auto& id : filter.recipient_ids)
      if (const auto slot = find(id); slot != kNoSlot) found.push_back(slot);
  } else if (!filter.recipient_domains.empty() || filter.recipient) {
    auto domains = filter.recipient_domains;
    if (domains.empty()) domains.push_back(mime::domain_of(*filter.recipient));
    for (const auto& domain : domains) add_domain_recipients(domain, found);
  } else if (filter.sender || filter.sender_domain) {
    senders_.each([&](Slot sender) {
      const auto text = senders_.text(sender);
      if (!has_sender(filter, text)) return;
      for (Slot slot = senders_.head(sender); slot != kNoSlot; slot = messages_[slot].sender_next) add_message(slot);
    });
  } else {
    return std::nullopt;
  }
  std::ranges::sort(found, [&](Slot a, Slot b) { return id_of(a) < id_of(b); });
  found.erase(std::ranges::unique(found).begin(), found.end());
  return found;
}

std::optional<std::uint64_t> Index::quick_count(const Filter& filter) const {
  auto rest = filter;
  rest.recipient_domains.clear();
  rest.states.clear();
  if (filter.recipient_domains.empty() || !rest.empty()) return std::nullopt;
  for (std::size_t i = 0; i < kStates && !filter.states.empty(); ++i)
    if (counts_.recipients[i] != 0 && std::ranges::find(filter.states, static_cast<State>(i)) == filter.states.end())
      return std::nullopt;
  std::vector<Slot> domains;
  for (const auto& wanted : filter.recipient_domains)
    each_domain(wanted, [&](Slot domain) { domains.push_back(domain); });
  std::ranges::sort(domains);
  domains.erase(std::ranges::unique(domains).begin(), domains.end());
  std::uint64_t count = 0;
  for (const auto domain : domains) count += domains_.uses(domain);
  return count;
}

std::vector<Slot> Index::walk(const std::optional<RecipientId>& after, std::size_t count) const {
  std::vector<Slot> found;
  for (auto place = lower_bound(after ? after->message : MessageId{}); !order_.at_end(place) && found.size() < count;
       place = order_.next(place)) {
    const auto& message = messages_[order_[place]];
    for (Slot slot = message.first; slot != kNoSlot && found.size() < count; slot = recipients_[slot].next)
      if (!after || RecipientId{message.id, recipients_[slot].ordinal} > *after) found.push_back(slot);
  }
  return found;
}

std::vector<Slot> Index::walk_messages(MessageId after, std::size_t count) const {
  std::vector<Slot> found;
  for (auto place = lower_bound(after); !order_.at_end(place) && found.size() < count; place = order_.next(place))
    if (messages_[order_[place]].id > after) found.push_back(order_[place]);
  return found;
}

std::vector<DomainCount> Index::domain_counts(std::size_t limit) const {
  // There may be as many domains as recipients: only the texts of those that are given out are copied.
  std::vector<Slot> domains;
  domains.reserve(domains_.size());
  domains_.each([&](Slot slot) { domains.push_back(slot); });
  const auto more = [this](Slot a, Slot b) {
    return domains_.uses(a) != domains_.uses(b) ? domains_.uses(a) > domains_.uses(b)
                                                : domains_.text(a) < domains_.text(b);
  };
  const auto wanted = std::min(limit, domains.size());
  std::ranges::partial_sort(domains, domains.begin() + static_cast<std::ptrdiff_t>(wanted), more);
  domains.resize(wanted);
  std::vector<DomainCount> counts;
  for (const auto slot : domains) counts.push_back({std::string(domains_.text(slot)), domains_.uses(slot)});
  return counts;
}

}  // namespace quartet::spool
