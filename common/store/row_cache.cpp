#include "common/store/row_cache.h"

#include <memory>

namespace quartet::store {
namespace {

constexpr std::size_t kMostRows = 10'000;  // some MB

template <typename Map, typename Key>
auto* at(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : std::to_address(found->second);
}

}  // namespace

AccountRow* RowCache::account(std::int64_t id) const { return at(accounts_, id); }
AccountRow* RowCache::account(std::string_view name) const { return at(accounts_by_name_, name); }
MailboxRow* RowCache::mailbox(std::int64_t id) const { return at(mailboxes_, id); }
MailboxRow* RowCache::mailbox(std::int64_t account, std::string_view name) const {
  return at(mailboxes_by_name_, std::pair(account, name));
}

AccountRow& RowCache::add(AccountRow row) {
  auto& place = accounts_[row.id];
  if (place == nullptr) place = std::make_unique<AccountRow>(std::move(row));
  accounts_by_name_[place->name] = place.get();
  return *place;
}

MailboxRow& RowCache::add(MailboxRow row) {
  auto& place = mailboxes_[row.id];
  if (place == nullptr) place = std::make_unique<MailboxRow>(std::move(row));
  if (!place->gone) mailboxes_by_name_[{place->account, place->name}] = place.get();
  return *place;
}

void RowCache::rename(MailboxRow& mailbox, std::string_view name) {
  mailboxes_by_name_.erase({mailbox.account, mailbox.name});
  mailbox.name = name;
  mailboxes_by_name_[{mailbox.account, mailbox.name}] = &mailbox;
}

void RowCache::remove(MailboxRow& mailbox) {
  mailboxes_by_name_.erase({mailbox.account, mailbox.name});
  mailbox.gone = true;
  some_gone_ = true;
}

void RowCache::settle() {
  if (accounts_.size() + mailboxes_.size() > kMostRows) return clear();
  if (std::exchange(some_gone_, false)) std::erase_if(mailboxes_, [](const auto& item) { return item.second->gone; });
}

void RowCache::clear() {
  accounts_by_name_.clear();
  mailboxes_by_name_.clear();
  accounts_.clear();
  mailboxes_.clear();
  some_gone_ = false;
}

}  // namespace quartet::store
