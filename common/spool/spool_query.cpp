// Questions about the queue. Each looks at the index in short steps, so that a long answer stops nobody.
#include "common/base/ascii.h"
#include "common/spool/spool_impl.h"

namespace quartet::spool {
namespace {

std::string make_token(const RecipientId& last) {
  return last.message.to_string() + "." + std::to_string(last.ordinal);
}

std::optional<RecipientId> parse_token(std::string_view token) {
  const auto dot = token.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto id = Id::parse(token.substr(0, dot));
  const auto ordinal = ascii::to_number<std::uint32_t>(token.substr(dot + 1));
  if (!id || !ordinal) return std::nullopt;
  return RecipientId{*id, *ordinal};
}

}  // namespace

std::shared_ptr<const Message> Spool::Impl::find(MessageId id) const {
  const std::lock_guard lock(mutex_);
  const auto slot = index_.find(id);
  return slot == kNoSlot ? nullptr : index_.metadata(slot);
}

std::vector<Entry> Spool::Impl::recipients(MessageId id) const {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> entries;
  const auto message = index_.find(id);
  if (message == kNoSlot) return entries;
  for (auto slot = index_.message(message).first; slot != kNoSlot; slot = index_.recipient(slot).next)
    entries.push_back(index_.entry(slot));
  return entries;
}

std::expected<Page, SpoolError> Spool::Impl::list(const Filter& filter, std::size_t limit,
                                                  std::string_view token) const {
  std::optional<RecipientId> after;
  if (!token.empty()) {
    after = parse_token(token);
    if (!after) return std::unexpected(SpoolError{ErrorCode::kBadToken, "not a page token: " + std::string(token)});
  }
  Page page;
  bool more = false;
  each_match(filter, after, [&](Slot slot) {
    if (page.entries.size() == limit) {
      more = true;
      return false;
    }
    page.entries.push_back(index_.entry(slot));
    return true;
  });
  if (more && !page.entries.empty()) page.next = make_token(page.entries.back().id);
  return page;
}

std::uint64_t Spool::Impl::count(const Filter& filter) const {
  if (filter.empty()) return counts().total_recipients();
  {
    const std::lock_guard lock(mutex_);
    if (const auto quick = index_.quick_count(filter)) return *quick;
  }
  std::uint64_t count = 0;
  each_match(filter, std::nullopt, [&](Slot) {
    ++count;
    return true;
  });
  return count;
}

void Spool::Impl::visit(const Filter& filter, const std::function<bool(const Entry&)>& visitor) const {
  std::vector<Entry> entries;
  bool go_on = true;
  const auto give = [&] {
    for (const auto& entry : entries)
      if (go_on) go_on = visitor(entry);
    entries.clear();
  };
  each_match(
      filter, std::nullopt,
      [&](Slot slot) {
        if (go_on) entries.push_back(index_.entry(slot));
        return go_on;
      },
      give);
  give();
}

Counts Spool::Impl::counts() const {
  const std::lock_guard lock(mutex_);
  return index_.counts();
}

std::vector<DomainCount> Spool::Impl::domains(std::size_t limit) const {
  const std::lock_guard lock(mutex_);
  return index_.domain_counts(limit);
}

}  // namespace quartet::spool
